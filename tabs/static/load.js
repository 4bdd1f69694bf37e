// Starts a component. Gradio runs a component's script as the body of a function that cannot wait,
// so this one part is no module: components.py writes it into js_on_load, with a call of it.
// The module arrives a moment later. Until then every value of the component, every event that the
// page sends to it and every press of one of its buttons is kept, and handed on in order once the
// module's `mount` has run.

/**
 * @param {HTMLElement} element Holds the component's markup.
 * @param {import("./lib/messages.js").Host} host What Gradio gives a component's script.
 * @param {(property: string, callback: () => void) => void} watch Gradio's own.
 * @param {string} address Of the module, relative to the page.
 * @param {Record<string, object | null>} events Names of events that the page may send before the
 *   module is here. Where an answer stands beside a name, the event's detail gets it at once and
 *   the event is not handed on.
 * @param {(url: string) => Promise<{ mount: import("./lib/messages.js").Mount }>} [load]
 * @returns {Promise<void>} Resolves when the component is mounted, or says that it cannot be.
 */
function loadComponent(element, host, watch, address, events, load = (url) => import(url)) {
  const root = /** @type {HTMLElement} */ (element.firstElementChild);
  /** @type {(() => void)[] | null} */
  let early = [];
  /** @type {((value: string) => void) | void} */
  let receive;
  const take = () => {
    const { value } = host.props;
    if (early) early.push(() => receive?.(value));
    else receive?.(value);
  };
  /** @param {Event} event */
  const keep = (event) => {
    const { type, detail } = /** @type {CustomEvent} */ (event);
    if (events[type]) {
      Object.assign(detail, events[type]);
      return;
    }
    // Stop names the run that the page waits for, also when it has only just begun.
    if (type.endsWith(":start")) root.dataset.wanted = detail.id ?? detail;
    early?.push(() => root.dispatchEvent(new CustomEvent(type, { detail })));
  };
  /** @type {Set<Element>} Who waits presses again; a button is meant once. */
  const pressed = new Set();
  /** @param {Event} event */
  const press = (event) => {
    const button = /** @type {Element} */ (event.target).closest("button");
    if (!button || pressed.has(button)) return;
    pressed.add(button);
    early?.push(() => button.click());
  };
  for (const name of Object.keys(events)) element.addEventListener(name, keep, { capture: true });
  element.addEventListener("click", press, { capture: true });
  watch("value", take);
  take();
  return load(new URL(address, document.baseURI).href)
    .then((module) => {
      for (const name of Object.keys(events)) element.removeEventListener(name, keep, { capture: true });
      element.removeEventListener("click", press, { capture: true });
      delete root.dataset.wanted;
      receive = module.mount(element, host);
      const kept = early ?? [];
      early = null;
      kept.forEach((act) => act());
    })
    .catch((error) => {
      console.error(`${address} could not be loaded:`, error);
      const words = document.createElement("p");
      words.setAttribute("role", "alert");
      words.textContent = "This part of the page could not be loaded. Reload the page.";
      element.prepend(words);
    });
}
