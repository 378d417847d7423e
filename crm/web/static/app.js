// What every page can do: toasts with Undo, busy buttons, dialogs, menus that close, and keys.
//
// Other scripts use `window.frontdesk`:
//   toast(message, {tone, undo})   undo: {url, values, seconds}, posted by the button or the key z
//   key(name, handler)             a single key, off while one types; name as KeyboardEvent.key,
//                                  "Shift+ArrowRight", or two keys such as "g p"
//   client                         this page's id, which its writes carry
"use strict";
(() => {
  const TOASTS = 3;
  const SECONDS = 8;
  const SLOW = 200;
  const typing = "input, select, textarea, [contenteditable]";
  const client = crypto.randomUUID();
  const region = () => document.getElementById("toasts");
  let lastUndo = null;

  // Computers are shared: no page leaves anything in the browser. htmx would leave the page's
  // address, and keeps it in memory instead; so this script comes before it.
  Storage.prototype.setItem = () => {
    throw new Error("Nothing is kept in the browser.");
  };

  // Every write of htmx carries whose page it is; the other headers stand on the body.
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-Client-Id"] = client;
  });

  // Toasts: the last three, eight seconds, still while one points at them; errors stay.
  function button(label, className, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = className;
    made.textContent = label;
    made.addEventListener("click", act);
    return made;
  }

  function toast(message, { tone = "good", undo = null } = {}) {
    const box = document.createElement("div");
    box.className = `toast show toast-${tone}`;
    box.setAttribute("role", tone === "bad" ? "alert" : "status");
    const words = document.createElement("p");
    words.textContent = message;
    box.append(words);
    let timer = 0;
    const close = () => {
      clearTimeout(timer);
      box.remove();
      if (lastUndo?.box === box) lastUndo = null;
    };
    const wait = () => {
      clearTimeout(timer);
      if (tone !== "bad") timer = setTimeout(close, (undo?.seconds ?? SECONDS) * 1000);
    };
    if (undo) {
      box.dataset.undoes = undo.url;
      box.addEventListener("undone", close);
      const act = () => {
        close();
        post(undo);
      };
      box.append(button(region().dataset.undo, "btn btn-sm", act));
      lastUndo = { box, act };
    }
    const shut = button("×", "btn btn-sm btn-icon btn-ghost-secondary", close);
    shut.setAttribute("aria-label", region().dataset.close);
    box.append(shut);
    // What can be taken back for some seconds only is offered no longer, whoever points at it.
    const holds = undo?.seconds ? [] : [["mouseenter", "mouseleave"], ["focusin", "focusout"]];
    for (const [stop, go] of holds) {
      box.addEventListener(stop, () => clearTimeout(timer));
      box.addEventListener(go, wait);
    }
    region().append(box);
    while (region().children.length > TOASTS) region().firstElementChild.remove();
    wait();
    return close;
  }

  function post({ url, values }) {
    htmx.ajax("POST", url, { values, source: document.body, swap: "none" });
  }

  // It may be taken back elsewhere on the page, too: then it is offered no longer.
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    const { path, verb } = detail.requestConfig;
    const undone = [...region().children].filter((box) => verb === "post" && box.dataset.undoes === path);
    const isDone = () => detail.xhr.status < 400 && undone.forEach((box) => box.dispatchEvent(new Event("undone")));
    detail.xhr.addEventListener("load", isDone);
  });

  // What an answer says is said also when the part that asked has been replaced meanwhile: htmx says
  // it to what is no longer on the page, and nobody hears.
  const heard = new WeakSet();
  document.addEventListener("htmx:beforeOnLoad", ({ detail }) => heard.add(detail.xhr));
  document.addEventListener("htmx:beforeRequest", ({ detail: { xhr } }) => {
    xhr.addEventListener("load", () => {
      const said = heard.has(xhr) ? null : xhr.getResponseHeader("HX-Trigger");
      for (const [name, of] of Object.entries(said ? JSON.parse(said) : {})) {
        htmx.trigger(document.body, name, of);
      }
    });
  });

  document.addEventListener("toast", (event) => toast(event.detail.message, event.detail));
  // That something is not saved is true until it is; it is said once, however often one tries.
  const failed = new Map();
  const nameOf = ({ verb, path }) => `${verb} ${path}`;
  const unsaved = ({ detail }) => {
    // What a page asks by itself saves nothing, and is asked again.
    if (detail.requestConfig.headers["X-Live"]) return;
    const name = nameOf(detail.requestConfig);
    failed.get(name)?.();
    failed.set(name, toast(region().dataset.unsaved, { tone: "bad" }));
  };
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.successful) failed.get(nameOf(detail.requestConfig))?.();
  });
  document.addEventListener("htmx:sendError", unsaved);
  document.addEventListener("htmx:timeout", unsaved);
  document.addEventListener("htmx:responseError", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Trigger")) unsaved(event);
  });

  // The button that sent a form says that it is still at it, where that takes a while.
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    const button = detail.requestConfig.triggeringEvent?.submitter;
    if (!button) return;
    const busy = setTimeout(() => button.setAttribute("aria-busy", "true"), SLOW);
    detail.xhr.addEventListener("loadend", () => {
      clearTimeout(busy);
      button.removeAttribute("aria-busy");
    });
  });

  // Dialogs and menus.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) open(opener.dataset.open);
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });

  function open(id) {
    const dialog = document.getElementById(id);
    if (dialog && !dialog.open) dialog.showModal();
  }

  // What somebody has opened stays open when news replace the part that it is in: whatever has a
  // summary with an id.
  let isNews = false;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    isNews = "X-Live" in detail.requestConfig.headers;
  });
  document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    for (const { id } of isNews ? detail.target.querySelectorAll("details[open] > summary[id]") : []) {
      const fresh = detail.fragment.querySelector(`[id="${id}"]`)?.parentElement;
      if (fresh) fresh.open = true;
    }
  });

  const openMenus = () => document.querySelectorAll("details.menu[open]");

  // Keys: one, or two after each other within a second.
  const keys = new Map();
  let before = "";
  let forget = 0;

  function handlerOf(event) {
    const name = (event.shiftKey && event.key.length > 1 ? "Shift+" : "") + event.key;
    const two = before && `${before} ${name}`;
    const starts = [...keys.keys()].some((known) => known.startsWith(`${name} `));
    clearTimeout(forget);
    before = starts && !keys.has(two) ? name : "";
    forget = setTimeout(() => { before = ""; }, 1000);
    return keys.get(two) ?? keys.get(name);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of openMenus()) {
        menu.open = false;
        menu.querySelector("summary").focus();
        return;
      }
      // Out of a text, single keys work. What has a list of its own, or composes a letter, needs Esc.
      const isText = event.target.matches("textarea, input:not([list])");
      if (isText && !event.isComposing && !event.target.closest("dialog")) event.target.blur();
      return;
    }
    const isShortcut = document.body.dataset.keys !== "off" && !event.target.closest(typing);
    if (event.ctrlKey || event.metaKey || event.altKey || !isShortcut) return;
    if (document.querySelector("dialog[open]")) return;
    const handler = handlerOf(event);
    if (handler && handler(event) !== false) event.preventDefault();
  });

  window.frontdesk = { toast, open, client, key: (name, handler) => keys.set(name, handler) };
  frontdesk.key("z", () => lastUndo?.act());
})();
