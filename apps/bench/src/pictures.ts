/** The pictures to choose from: samples, and files that the user picks, drops or pastes. */
import { reasonOf } from "@ppt-vit/core";
import { effect } from "@preact/signals-core";
import photographs from "../photographs/index.json";
import type { App } from "./app.js";
import { byId, complain, element, settle } from "./dom.js";
import type { Picture } from "./picture.js";

/** A limit that keeps the list short. */
const mostOwn = 24;

export function setUpPictures(app: App): void {
  const thumbs = new Map<Picture, HTMLButtonElement>();
  const own: Picture[] = [];
  const samples: Picture[] = [];
  let firstSample: string | undefined;
  const ownList = byId("own", "ul");
  const fileInput = byId("files", "input");

  function show(list: HTMLUListElement, picture: Picture): HTMLButtonElement {
    const address = URL.createObjectURL(picture.blob);
    const image = element("img", { src: address, alt: "", width: 56, height: 56 });
    const button = element("button", { type: "button", class: "thumb", "aria-pressed": "false" }, image);
    button.setAttribute("aria-label", picture.name);
    button.title = picture.name;
    image.addEventListener("load", () => URL.revokeObjectURL(address));
    // The file is no picture. Remove it, so that the list and the benchmark do without it; viewing it shows the reason.
    image.addEventListener("error", () => forget(picture));
    button.addEventListener("click", () => {
      settle("picture");
      select(picture, button);
    });
    list.append(element("li", {}, button));
    thumbs.set(picture, button);
    return button;
  }

  function forget(picture: Picture): void {
    thumbs.get(picture)?.parentElement?.remove();
    thumbs.delete(picture);
    for (const list of [own, samples]) if (list.includes(picture)) list.splice(list.indexOf(picture), 1);
    ownList.hidden = own.length === 0;
    tell();
  }

  function tell(): void {
    app.pictures.value = own.length > 0 ? [...own] : [...samples];
  }

  function select(picture: Picture, button: HTMLButtonElement): void {
    for (const thumb of document.querySelectorAll(".thumb"))
      thumb.setAttribute("aria-pressed", String(thumb === button));
    app.change({ picture: own.includes(picture) || picture.name === firstSample ? undefined : picture.name });
    app.picture.value = picture;
  }

  function add(blobs: readonly Picture[]): void {
    settle("picture");
    const taken = blobs.slice(0, mostOwn - own.length);
    if (taken.length < blobs.length)
      complain(`The list holds ${mostOwn} pictures: reload the page to choose others.`, "picture");
    own.push(...taken);
    tell();
    const [first] = taken.map((picture) => [picture, show(ownList, picture)] as const);
    ownList.hidden = own.length === 0;
    if (first) select(...first);
  }

  fileInput.addEventListener("change", () => {
    add([...(fileInput.files ?? [])].map((blob) => ({ name: blob.name, blob })));
    fileInput.value = "";
  });
  setUpDropping((files, folder) => {
    const isModel = folder !== undefined || files.some(({ name }) => /\.(json|safetensors)$/.test(name));
    if (isModel) {
      const name = folder ?? "dropped files";
      app.choose({ title: name, source: { folder: name, blobs: new Map(files.map((file) => [file.name, file])) } });
    } else add(files.map((blob) => ({ name: blob.name, blob })));
  });
  window.addEventListener("paste", ({ clipboardData }) => {
    const files = [...(clipboardData?.files ?? [])];
    add(files.map((blob) => ({ name: blob.name || "pasted picture", blob })));
  });
  app.gallery.value = {
    add: (blob, name) => add([{ name: `${name} ${own.length + 1}`, blob }]),
    remove(picture) {
      forget(picture);
      const [next] = app.pictures.value;
      if (next) select(next, thumbs.get(next)!);
    },
  };

  /** The first sample, or the one that the address names, comes before the others, which wait until it has its answer. */
  async function loadSamples(): Promise<void> {
    const all = await listSamples();
    const wanted = app.settings.value.picture;
    firstSample = all[0]!.name;
    const first = all.find(({ name }) => name === wanted) ?? all[0]!;
    const chosen = await read(first);
    samples.push(chosen);
    const button = show(listOf(chosen), chosen);
    if (own.length === 0) select(chosen, button);
    await answered(app);
    const others = await Promise.all(all.filter((one) => one !== first).map(read));
    samples.push(...others);
    const sorted = all.map((one) => samples.find(({ name }) => name === one.name)!);
    samples.splice(0, samples.length, ...sorted);
    for (const picture of others) show(listOf(picture), picture);
    for (const picture of sorted) listOf(picture).append(thumbs.get(picture)!.parentElement!);
    tell();
  }
  loadSamples().catch((error: unknown) =>
    complain(`The sample pictures could not be loaded (${reasonOf(error)}): choose a picture of your own.`, "picture"),
  );
}

/** A picture of the page itself, before it is read. */
interface Sample {
  readonly name: string;
  readonly address: string;
  readonly isPhotograph: boolean;
}

/** What the demo model knows comes first, photographs for real models come after it. */
async function listSamples(): Promise<Sample[]> {
  const emoji: string[] = await (await fetch("samples/index.json")).json();
  return [
    ...emoji.map((file) => ({
      name: file.replace(/^\d+_(.*)\.png$/, "$1"),
      address: `samples/${file}`,
      isPhotograph: false,
    })),
    ...photographs.map(({ file }) => ({
      name: file.replace(/\.\w+$/, ""),
      address: `photographs/${file}`,
      isPhotograph: true,
    })),
  ];
}

const read = async ({ name, address, isPhotograph }: Sample): Promise<Picture> => ({
  name,
  blob: await (await fetch(address)).blob(),
  isPhotograph,
});

const listOf = ({ isPhotograph }: Picture) => byId(isPhotograph ? "photographs" : "samples", "ul");

/** Resolves when the page has its first answer, or found out that there is none. */
function answered(app: App): Promise<void> {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (app.status.value.working) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** Reports files that are dropped anywhere on the page. For a folder it reports the files directly in it. */
function setUpDropping(onFiles: (files: readonly File[], folder?: string) => void): void {
  const { body } = document;
  let depth = 0;
  const settle = (change: number) => {
    depth = change === 0 ? 0 : depth + change;
    body.classList.toggle("dropping", depth > 0);
  };
  body.addEventListener("dragenter", () => settle(1));
  body.addEventListener("dragleave", () => settle(-1));
  body.addEventListener("dragover", (event) => event.preventDefault());
  body.addEventListener("drop", async (event) => {
    event.preventDefault();
    settle(0);
    // The entries must be read before the first await, because the browser clears the drop's data after the event.
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
    const files = [...(event.dataTransfer?.files ?? [])];
    const folder = entries.find((entry) => entry?.isDirectory) as FileSystemDirectoryEntry | undefined;
    try {
      if (folder) onFiles(await filesIn(folder), folder.name);
      else if (files.length > 0) onFiles(files);
    } catch (error) {
      complain(`The folder could not be read (${reasonOf(error)}).`, "model");
    }
  });
}

async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  // Each call of readEntries returns some of the entries. An empty array marks the end.
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) break;
    entries.push(...part);
  }
  const files = entries.filter((entry): entry is FileSystemFileEntry => entry.isFile);
  return Promise.all(files.map((entry) => new Promise<File>((resolve, reject) => entry.file(resolve, reject))));
}
