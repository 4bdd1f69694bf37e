// load.js is no module: Gradio runs its text.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const SOURCE = readFileSync(new URL("../../tabs/static/load.js", import.meta.url), "utf-8");

globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail } = {}) {
    super(type);
    this.detail = detail;
  }
};

/** A component on a page of its own, whose module arrives when the test says so. */
function component(events = {}) {
  const page = { window: {}, errors: [], watchers: [], props: { value: "0" } };
  const document = {
    baseURI: "https://example.org/behind/a/proxy/?tab=train",
    createElement: () => ({ setAttribute() {}, textContent: "" }),
  };
  const console = { error: (...words) => page.errors.push(words.join(" ")) };
  const load = new Function("window", "document", "console", `${SOURCE}; return loadComponent;`)(
    page.window,
    document,
    console,
  );
  page.root = Object.assign(new EventTarget(), { dataset: {} });
  page.element = Object.assign(new EventTarget(), {
    firstElementChild: page.root,
    prepend: (words) => (page.words = words.textContent),
  });
  page.update = (value) => {
    page.props.value = value;
    page.watchers.forEach((act) => act());
  };
  page.send = (type, detail) => {
    const event = new CustomEvent(type, { detail });
    page.element.dispatchEvent(event); // on its way down to the root, as a browser does it
    page.root.dispatchEvent(event);
    return detail;
  };
  const module = new Promise((resolve, reject) => Object.assign(page, { resolve, reject }));
  page.ended = load(
    page.element,
    { props: page.props },
    (_, act) => page.watchers.push(act),
    "gradio_api/file=/x/player/index.js",
    events,
    (url) => {
      page.url = url;
      return module;
    },
  );
  return page;
}

test("the module's address is relative to the page", () => {
  const { url } = component();
  assert.equal(url, "https://example.org/behind/a/proxy/gradio_api/file=/x/player/index.js");
});

test("values before and after the module's arrival come in order, none is lost", async () => {
  const page = component();
  page.update("1");
  page.update("2");
  const seen = [];
  page.resolve({ mount: () => (value) => seen.push(value) });
  await page.ended;
  assert.deepEqual(seen, ["0", "1", "2"]);
  page.update("3");
  assert.deepEqual(seen, ["0", "1", "2", "3"]);
});

test("events and values before the module's arrival keep their order", async () => {
  const page = component({ "player:start": null, "player:stop": null });
  page.send("player:start", { id: "a", branch: false });
  assert.equal(page.root.dataset.wanted, "a");
  page.update("1");
  page.send("player:stop");
  const seen = [];
  page.resolve({
    mount: () => {
      page.root.addEventListener("player:start", ({ detail }) => seen.push(detail.id));
      page.root.addEventListener("player:stop", () => seen.push("stop"));
      return (value) => seen.push(value);
    },
  });
  await page.ended;
  assert.deepEqual(seen, ["0", "a", "1", "stop"]);
  page.send("player:start", { id: "b" });
  assert.deepEqual(seen, ["0", "a", "1", "stop", "b"]); // once, and no longer by way of the loader
});

test("Stop knows the run of a start that the module has not seen", async () => {
  const page = component({ "race:start": null });
  page.send("race:start", "first");
  page.send("race:start", "second");
  assert.equal(page.root.dataset.wanted, "second");
  const before = [];
  page.resolve({
    mount: () => {
      page.root.addEventListener("race:start", ({ detail }) => {
        before.push(page.root.dataset.wanted);
        page.root.dataset.wanted = detail;
      });
    },
  });
  await page.ended;
  page.send("race:start", "third");
  assert.deepEqual(before, [undefined, "first", "second"]); // given up: the run before, not its own
});

test("a question is answered at once, and not asked again", async () => {
  const page = component({ "player:ask": { run: "", step: 0 } });
  assert.deepEqual(page.send("player:ask", {}), { run: "", step: 0 });
  let asked = 0;
  page.resolve({
    mount: () => page.root.addEventListener("player:ask", () => asked++),
  });
  await page.ended;
  assert.equal(asked, 0);
});

test("a module that does not come is said in a sentence", async () => {
  const page = component();
  page.reject(new Error("403"));
  await page.ended;
  assert.match(page.words, /could not be loaded. Reload the page/);
  assert.match(page.errors[0], /index.js could not be loaded: Error: 403/);
});

test("a press before the module's arrival counts once, and then", async () => {
  const page = component();
  let clicks = 0;
  const button = { click: () => (clicks += 1), closest: () => button };
  const click = (target) => {
    const event = new Event("click");
    Object.defineProperty(event, "target", { value: target });
    page.element.dispatchEvent(event);
  };
  click(button);
  click(button); // by somebody who waits
  click({ closest: () => null }); // beside it
  assert.equal(clicks, 0);
  page.resolve({ mount: () => () => {} });
  await page.ended;
  assert.equal(clicks, 1);
  click(button); // the module's own handlers hear this one
  assert.equal(clicks, 1);
});
