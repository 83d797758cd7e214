// The timeline: a button that plays, a menu of what time is, a slider, and the present value.

import { fillMenu, make } from "../dom.js";
import { countText, numberText, valueAt } from "../scales.js";
import { button, icon } from "./buttons.js";

/** The timeline of a view: { element, draw, drawMenu, play }. */
export function buildTimeline(store) {
  const playButton = button("play", "Play (space)", () => play(!store.get("playing")));
  const menu = make("select", {
    ...{ title: "What time is", "aria-label": "What time is" },
    onchange: () => store.set({ time_axis: menu.value }),
  });
  const slider = make("input", {
    ...{ type: "range", min: 0, max: 1, step: "any", "aria-label": "Time", title: "Draw trajectories up to here" },
    oninput: () => {
      play(false);
      store.set({ time: Number(slider.value) });
    },
  });
  const reading = make("output", { className: "trajkit-number" });
  const element = make("div", { className: "trajkit-time" }, playButton, menu, slider, reading);
  let running = false;

  /** Play from here, or from the start if time is at its end; or stop. */
  function play(playing) {
    if (playing === store.get("playing")) return;
    if (playing && store.time >= 1) store.time = 0;
    store.set({ time: store.time, playing });
  }

  // Time runs in the browser; the model gets it only at the end, because the kernel could not follow each frame.
  function run() {
    store.refresh("picture");
    if (!store.get("playing") || running) return;
    running = true;
    let before = null;
    const step = (now) => {
      if (store.signal.aborted) return;
      if (!store.get("playing")) {
        running = false;
        store.set({ time: store.time });
        return;
      }
      store.time = Math.min(1, store.time + (now - (before ?? now)) / 1000 / store.get("duration"));
      before = now;
      store.hurry();
      store.outdate("picture");
      store.update();
      if (store.time < 1) {
        requestAnimationFrame(step);
        return;
      }
      running = false;
      store.set({ time: 1, playing: false });
    };
    requestAnimationFrame(step);
  }

  function draw() {
    const playing = store.get("playing");
    if (playButton.dataset.playing !== String(playing)) {
      playButton.dataset.playing = playing;
      playButton.replaceChildren(icon(playing ? "pause" : "play"));
      playButton.title = playing ? "Pause (space)" : "Play (space)";
      playButton.setAttribute("aria-label", playButton.title);
    }
    slider.value = store.time;
    const scale = store.quantities.get(store.get("time_axis"));
    reading.textContent = scale ? readingOf(scale, store.time) : "";
  }

  function drawMenu() {
    const known = [...store.quantities.keys()].filter((name) => name !== "checkpoint");
    fillMenu(menu, [...known, "checkpoint"], store.get("time_axis"));
    element.hidden = !store.points.n || !store.get("toolbar").includes("time");
  }

  store.on("change:playing", run);
  return { element, draw, drawMenu, play };
}

function readingOf(scale, time) {
  const value = valueAt(scale, time);
  return scale.name === "step" || scale.name === "checkpoint" ? countText(value) : numberText(value);
}
