/** The camera: the unreduced and the reduced model on the same frames, side by side. */

import { reasonOf } from "@ppt-vit/core";
import { median } from "@ppt-vit/pipeline/browser";
import { effect } from "@preact/signals-core";
import type { Side } from "../answers/answer.js";
import { complain, complaintOf, element, settle, threeDigits } from "../dom.js";
import { drawStage, fileOf } from "../tokens/drawing.js";
import type { Tab } from "./tab.js";

/** Ends the camera if it runs. */
let stop: (() => Promise<void>) | undefined;

export const camera: Tab = {
  name: "camera",
  title: "Camera",
  controls: false,
  leave: () => void stop?.(),
  mount(app, panel) {
    const start = element("button", { type: "button", id: "camera-start", class: "primary" }, "Start the camera");
    const still = element("button", { type: "button", id: "camera-take", disabled: true }, "Take this frame");
    const status = element("p", { id: "camera-status", role: "status" });
    const video = element("video", { id: "camera-video", playsinline: true, muted: true, hidden: true });
    const sides = [sideView("camera-unreduced"), sideView("camera-reduced")] as const;
    panel.append(
      element("h2", {}, "Camera, side by side"),
      element("p", { class: "fine" }, "Both models see the same frames. Nothing leaves this device."),
      element("div", { class: "row" }, start, still),
      complaintOf("camera"),
      status,
      video,
      element("div", { class: "camera-sides", hidden: true }, ...sides.map(({ element }) => element)),
    );
    const views = panel.querySelector<HTMLElement>(".camera-sides")!;

    start.addEventListener("click", async () => {
      if (stop) return stop();
      try {
        settle("camera");
        await run();
      } catch (error) {
        complain(`No camera: ${reasonOf(error)}.`, "camera");
      }
    });
    still.addEventListener("click", async () => {
      const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d")!.drawImage(video, 0, 0);
      const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
      if (!blob) return complain("The camera has not started yet: try again in a moment.", "camera");
      app.gallery.value?.add(blob, "camera");
      app.change({ tab: "tokens" });
    });

    async function run(): Promise<void> {
      if (!navigator.mediaDevices) throw new Error("this page is not served over HTTPS");
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      let running = true;
      let ended = Promise.resolve();
      stop = async () => {
        stop = undefined;
        running = false;
        for (const track of stream.getTracks()) track.stop();
        video.srcObject = null;
        start.textContent = "Start the camera";
        still.disabled = true;
        await ended;
        status.textContent = "The camera is off.";
        app.busy.value = undefined;
      };
      try {
        video.srcObject = stream;
        await video.play();
        app.busy.value = "camera";
        start.textContent = "Stop the camera";
        still.disabled = false;
        status.textContent = "Preparing both models";
        views.hidden = false;
        await app.session.pause();
        ended = (async () => {
          while (running) await frame();
        })();
        await ended;
      } catch (error) {
        const end = stop;
        ended = Promise.resolve();
        await end?.();
        throw error;
      }
    }

    /** One frame through both models. The frame goes to the worker as it is: the page's thread reads no pixel of it. */
    async function frame(): Promise<void> {
      const settings = app.settings.peek();
      const shown = settings.policy === "unreduced" ? { ...settings, policy: "ppt" as const } : settings;
      const blob = new VideoFrame(video);
      try {
        const picture = { name: "camera", blob };
        const { unreduced, reduced, answer } = await app.session.pair({
          model: app.model.peek(),
          picture,
          others: app.pictures.peek(),
          settings: shown,
        });
        await sides[0].show(unreduced, answer.say(unreduced.result));
        if (reduced) await sides[1].show(reduced, answer.say(reduced.result));
        status.textContent = "The camera is on.";
      } finally {
        blob.close();
      }
    }
    effect(() => {
      start.disabled = app.busy.value === "benchmark";
    });
  },
};

/** One model's view of the camera: its tokens, answer and rate. */
function sideView(id: string) {
  const title = element("h3", {});
  const picture = element("div", { class: "camera-picture" });
  const answer = element("p", { class: "camera-answer" });
  const rate = element("p", { class: "fine" });
  const box = element("article", { id, class: "camera-side" }, title, picture, answer, rate);
  let recent: number[] = [];
  let frames = 0;
  let address: string | undefined;
  return {
    element: box,
    async show({ title: name, policy, model, result }: Side, said: string): Promise<void> {
      box.className = `camera-side policy-${policy}`;
      title.textContent = name;
      const file = await fileOf(result.image!);
      const { stages, image } = result;
      const traced = { image: image!, ...file, patches: result.patches ?? model.patches, stages };
      picture.replaceChildren(drawStage(traced, stages.length, "tokens", `${name}, what the model sees`));
      if (address) URL.revokeObjectURL(address);
      address = file.href;
      answer.textContent = said;
      // The first frames warm up. A median of the last ones follows changes of the machine's speed, and no single hiccup.
      if (frames++ < 2) recent = [];
      recent = [...recent.slice(-14), result.latencyMs];
      rate.textContent = `${threeDigits(1000 / median(recent))} frames per second · ${model.tokens.at(-1)} tokens`;
    },
  };
}
