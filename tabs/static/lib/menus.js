// Lists of menus that are open, kept beside their menus.

const MS = 100; // between two looks at a menu, only while it has the focus

/**
 * Gradio puts an open list where its menu was, and looks again only as the page scrolls. Where what
 * stands above grows meanwhile, as when an answer arrives, the list would stay behind, even out of sight.
 */
export function keepListsInPlace() {
  let timer = 0;
  addEventListener("focusin", ({ target }) => {
    clearInterval(timer);
    if (!(target instanceof Element) || !target.matches("input[role=combobox]")) return;
    let { top } = target.getBoundingClientRect();
    timer = setInterval(() => {
      const now = target.getBoundingClientRect().top;
      if (now === top) return;
      top = now;
      dispatchEvent(new Event("scroll"));
    }, MS);
  });
  addEventListener("focusout", () => clearInterval(timer));
}
