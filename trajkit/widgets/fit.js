// plotly measures its place before the notebook has laid it out, and later listens to the window only. This invisible
// line has the width of its panel: whenever that changes, and once the panel's plot is there, plotly is told to measure again.
function whenDrawn(panel, then) {
  if (panel.querySelector(".main-svg")) return then();
  const waiting = new MutationObserver(() => {
    if (!panel.querySelector(".main-svg")) return;
    waiting.disconnect();
    then();
  });
  waiting.observe(panel, { childList: true, subtree: true });
}

export default {
  render({ el }) {
    el.style.cssText = "width: 100%; height: 0; margin: 0";
    const fit = () => window.dispatchEvent(new Event("resize"));
    const width = new ResizeObserver(() => {
      if (el.clientWidth > 0) whenDrawn(el.closest(".trajkit-panel"), fit);
    });
    width.observe(el);
    return () => width.disconnect();
  },
};
