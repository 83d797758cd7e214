// One copy of plotly.js for all panels of a page. It is large: only the first panel asks the kernel for it.

const SHARED = Symbol.for("trajkit.plotly");
// A kernel with cells in its queue answers after the last of them, which may take long.
const PATIENCE = 30 * 60_000;

/** A promise of the library, which the kernel of `model` sends if no panel of the page has it. */
export function plotlyOf(model) {
  globalThis[SHARED] ??= asked(model);
  // After a failure another panel may ask again.
  globalThis[SHARED].catch(() => delete globalThis[SHARED]);
  return globalThis[SHARED];
}

function asked(model) {
  return new Promise((resolve, reject) => {
    const got = (content, buffers) => {
      if (content.library !== "plotly") return;
      model.off("msg:custom", got);
      clearTimeout(late);
      unpacked(buffers[0]).then(resolve, reject);
    };
    const late = setTimeout(() => reject(new Error("the kernel did not send plotly.js")), PATIENCE);
    model.on("msg:custom", got);
    model.send({ need: "plotly" });
  });
}

async function unpacked(buffer) {
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(stream).text();
  // A UMD bundle; with a `module` of its own it asks no loader of the page, and leaves no global behind.
  const module = { exports: {} };
  const had = Object.hasOwn(window, "Plotly"), before = window.Plotly;
  new Function("module", "exports", "define", source)(module, module.exports, undefined);
  if (had) window.Plotly = before;
  else delete window.Plotly;
  return module.exports;
}
