// The page's connection to the server; see shared/connection.py. It tells the server whose page this
// is, keeps the connection open that says so, and after a reload has the page find again what is its own.

import { find, say } from "../lib/dom.js";
import { parse } from "../lib/messages.js";
import { cameBack, remember, remembered } from "../lib/storage.js";
import { joined, lastWalk, settingsBack } from "../lib/visit.js";
import { watchChanges } from "./saving.js";
import { wireSettings } from "./settings.js";
import { sentence } from "./words.js";

/** @typedef {import("../lib/messages.js").JoinAnswer} JoinAnswer */
/** @typedef {import("../lib/messages.js").ConnectionMessage} ConnectionMessage */
/** @typedef {import("../lib/messages.js").JoinRequest} JoinRequest */

const SECONDS = 60; // between two signs of life
const ANSWER_MS = 1000; // for another window to say that it is there

/** A token of 128 random bits, which nobody can guess. */
const newToken = () =>
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((n) => n.toString(16).padStart(2, "0"))
    .join("");

class Connection {
  session = "";
  before = remembered("session", "");
  token = remembered("token", "");
  isNew = !this.token;
  /** @type {Promise<boolean>} Whether settings were put back. */
  settings;
  /** @type {Promise<boolean>} Whether the window is a copy of one that is still open. */
  copy;
  /** @type {AbortController | null} Of the request that took the place of Gradio's own. */
  heartbeat = null;
  leaving = false;
  /** @type {Set<string>} Files that the server knows to be this visitor's. */
  files = new Set();

  /**
   * @param {HTMLElement} root
   * @param {import("../lib/messages.js").Host} host
   */
  constructor(root, host) {
    this.root = root;
    this.host = host;
    if (this.isNew) this.token = newToken();
    remember("token", this.token);
    this.settings = new Promise((done) => wireSettings(done, (files) => this.give(files)));
    this.settings.then((changed) => settingsBack.settle(changed));
    this.copy = this.listenToOthers();
    host.trigger("submit", { ...this.request(), session: "" });
    const look = () => {
      if (document.visibilityState === "visible") this.show();
    };
    document.addEventListener("visibilitychange", look);
    document.addEventListener("resume", look);
    addEventListener("online", look);
    addEventListener("pageshow", (event) => {
      // Out of the browser's memory it comes with its connection cut, and Gradio gives it no other.
      if (event.persisted) this.loadAnew();
    });
    addEventListener("pagehide", () => {
      this.leaving = true;
    });
  }

  /** @returns {JoinRequest} */
  request() {
    const { session, token, before } = this;
    return { session, token, before, left: false, reopened: false, uploads: [] };
  }

  /** Tell windows that ask that this one is there, and ask whether the one before still is. */
  async listenToOthers() {
    if (!("BroadcastChannel" in window)) return false;
    const channel = new BroadcastChannel("playground");
    let copy = false;
    channel.addEventListener("message", ({ data }) => {
      if (data.ask && data.ask === this.session) channel.postMessage({ here: data.ask });
      if (data.here && data.here === this.before) copy = true;
    });
    if (!this.before) return false;
    channel.postMessage({ ask: this.before });
    await new Promise((done) => setTimeout(done, ANSWER_MS));
    return copy;
  }

  /** @param {string} value What the page begins with, then the answer to its first request. */
  receive(value) {
    /** @type {ConnectionMessage | null} */
    const first = parse(value);
    if (first?.lookups) {
      const { lookups } = first;
      watchChanges(Object.keys(lookups), (tab) => this.host.trigger(lookups[tab], {}));
      return;
    }
    /** @type {JoinAnswer | null} */
    const answer = parse(value);
    if (this.session || !(answer?.session || answer?.error)) return;
    if (!answer.session) {
      say(this.root, answer.error);
      joined.settle({ session: "" });
      settingsBack.settle(false);
      return;
    }
    this.session = answer.session;
    remember("session", this.session);
    joined.settle({ session: this.session });
    const restore = cameBack();
    if (restore) this.host.trigger("upload", {});
    else settingsBack.settle(false);
    this.greet(answer, restore);
    const { minutes = 10 } = answer;
    const seconds = Math.min(SECONDS, (minutes * 60) / 4);
    setInterval(() => this.show(), 1000 * seconds);
  }

  /**
   * Say what is still here.
   *
   * @param {JoinAnswer} answer
   * @param {boolean} restore Whether the settings are put back.
   */
  async greet({ server = "", known = false, kept = [], minutes = 10 }, restore) {
    /** @type {{ server: string, kept: string[] }} */
    const then = remembered("then", { server, kept: [] });
    const lost = remembered("lost", false);
    remember("lost", undefined);
    remember("then", { server: lost ? then.server : server, kept });
    const copy = await this.copy;
    const settings = restore && (await this.settings);
    const walk = restore ? await lastWalk.promise : null;
    if (!copy && this.before) await this.ask({ left: true });
    remember("then", { server, kept });
    if (this.isNew) return;
    const words = sentence({
      known: known && !lost,
      restarted: server !== then.server,
      copy,
      settings,
      walk,
      kept,
      lost: then.kept.filter((each) => !kept.includes(each)),
      minutes,
    });
    say(this.root, words);
  }

  /**
   * @param {Partial<JoinRequest>} more
   * @returns {Promise<JoinAnswer | null>} null where the server cannot be reached.
   */
  async ask(more = {}) {
    try {
      return parse(await this.host.server.join({ ...this.request(), ...more }));
    } catch {
      return null;
    }
  }

  /**
   * Tell the server whose files these are: they go with this visitor.
   *
   * @param {string[]} files
   */
  async give(files) {
    const uploads = files.filter((file) => !this.files.has(file));
    if (!uploads.length) return;
    for (const file of uploads) this.files.add(file);
    await joined.promise;
    this.ask({ uploads });
  }

  /** A sign of life; what it shows to be lost is mended. */
  async show() {
    if (!this.session || this.leaving) return;
    const answer = await this.ask();
    if (!answer || answer.error) return;
    const { server, kept } = remembered("then", { server: answer.server, kept: [] });
    if (!answer.known || answer.server !== server) {
      remember("lost", true);
      return this.loadAnew();
    }
    remember("then", { server, kept: answer.kept ?? kept });
    if (answer.closed) this.reopen();
  }

  /**
   * The connection was cut while nothing was computed, which Gradio does not tell the page: open another,
   * so that the server sees it end when the page is closed.
   */
  async reopen() {
    if (!this.heartbeat) {
      const heartbeat = (this.heartbeat = new AbortController());
      const address = new URL(`gradio_api/heartbeat/${this.session}`, document.baseURI);
      try {
        const { body, ok } = await fetch(address, { signal: heartbeat.signal });
        if (!ok || !body) throw new Error("no connection");
        this.drain(body.getReader());
      } catch {
        this.heartbeat = null;
        return;
      }
    }
    await this.ask({ reopened: true });
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader */
  async drain(reader) {
    try {
      while (!(await reader.read()).done);
    } catch {
      // The connection was cut.
    }
    this.heartbeat = null;
    this.show();
  }

  loadAnew() {
    this.leaving = true;
    location.reload();
  }
}

/** @type {import("../lib/messages.js").Mount} */
export function mount(element, host) {
  const connection = new Connection(find(element, ".connection", HTMLElement), host);
  return (value) => connection.receive(value);
}
