/** The list of pictures: samples, files that the user picks, drops or pastes, and pictures from the camera. */
import { reasonOf } from "@ppt-vit/core";
import { byId, complain, element } from "./dom.js";

export interface Picture {
  readonly name: string;
  readonly blob: Blob;
}

export interface PicturesOptions {
  readonly onSelect: (picture: Picture) => void;
  /** The user dropped a folder, or files that belong to a model. */
  readonly onModelFiles: (folder: string, files: ReadonlyMap<string, File>) => void;
}

export interface Pictures {
  /** The pictures for the benchmark: the user's own, or the samples if there are none. */
  all(): readonly Picture[];
  /** Removes a picture that could not be read, and selects the first remaining one. */
  remove(picture: Picture): void;
}

/** A limit that keeps the list short. */
const mostOwn = 24;

export function setUpPictures({ onSelect, onModelFiles }: PicturesOptions): Pictures {
  const thumbs = new Map<Picture, HTMLButtonElement>();
  const own: Picture[] = [];
  const samples: Picture[] = [];
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
    button.addEventListener("click", () => select(picture, button));
    list.append(element("li", {}, button));
    thumbs.set(picture, button);
    return button;
  }

  function forget(picture: Picture): void {
    thumbs.get(picture)?.parentElement?.remove();
    thumbs.delete(picture);
    for (const list of [own, samples]) if (list.includes(picture)) list.splice(list.indexOf(picture), 1);
    ownList.hidden = own.length === 0;
  }

  function select(picture: Picture, button: HTMLButtonElement): void {
    for (const thumb of document.querySelectorAll(".thumb"))
      thumb.setAttribute("aria-pressed", String(thumb === button));
    onSelect(picture);
  }

  function add(blobs: readonly Picture[]): void {
    const taken = blobs.slice(0, mostOwn - own.length);
    if (taken.length < blobs.length) complain(`The list holds ${mostOwn} pictures: reload the page to choose others.`);
    own.push(...taken);
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
    if (isModel) onModelFiles(folder ?? "dropped files", new Map(files.map((file) => [file.name, file])));
    else add(files.map((blob) => ({ name: blob.name, blob })));
  });
  window.addEventListener("paste", ({ clipboardData }) => {
    const files = [...(clipboardData?.files ?? [])];
    add(files.map((blob) => ({ name: blob.name || "pasted picture", blob })));
  });
  setUpCamera((blob) => add([{ name: `camera ${own.length + 1}`, blob }]));

  async function loadSamples(): Promise<void> {
    const names: string[] = await (await fetch("samples/index.json")).json();
    const fetched = names.map(async (file) => {
      const blob = await (await fetch(`samples/${file}`)).blob();
      return { name: file.replace(/^\d+_(.*)\.png$/, "$1"), blob };
    });
    for (const picture of await Promise.all(fetched)) {
      samples.push(picture);
      const button = show(byId("samples", "ul"), picture);
      if (samples.length === 1 && own.length === 0) select(picture, button);
    }
  }
  loadSamples().catch((error: unknown) =>
    complain(`The sample pictures could not be loaded (${reasonOf(error)}): choose a picture of your own.`),
  );

  const all = () => (own.length > 0 ? own : samples);
  return {
    all,
    remove(picture) {
      forget(picture);
      const [next] = all();
      if (next) select(next, thumbs.get(next)!);
    },
  };
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
      complain(`The folder could not be read (${reasonOf(error)}).`);
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

function setUpCamera(onPicture: (blob: Blob) => void): void {
  const dialog = byId("camera", "dialog");
  const video = byId("camera-video", "video");
  let stream: MediaStream | undefined;

  byId("camera-open", "button").addEventListener("click", async () => {
    try {
      if (!navigator.mediaDevices) throw new Error("this page is not served over HTTPS");
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      video.srcObject = stream;
      dialog.showModal();
      await video.play();
    } catch (error) {
      dialog.close();
      complain(`No camera: ${reasonOf(error)}.`);
    }
  });
  byId("camera-take", "button").addEventListener("click", () => {
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      if (blob) onPicture(blob);
      else complain("The camera has not started yet: try again in a moment.");
    });
    dialog.close();
  });
  byId("camera-close", "button").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}
