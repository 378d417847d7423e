// A lead's page: the composer's tabs, count, drafts and templates, and signs of life.
"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  let timer = 0;
  let lastKept = null;

  // --- How many texts it is: the server's rules (crm/messaging/segments.py), while one types.
  function measure(words, rules) {
    const chars = [...words];
    const isGsm = chars.every((char) => rules.gsm.includes(char) || rules.wide.includes(char));
    const width = (char) => (isGsm ? (rules.wide.includes(char) ? 2 : 1) : char.length);
    const [single, part] = isGsm ? [160, 153] : [70, 67];
    let units = 0;
    let parts = 1;
    let used = 0;
    for (const char of chars) {
      units += width(char);
      if (used + width(char) > part) {
        parts += 1;
        used = 0;
      }
      used += width(char);
    }
    return { isGsm, units, parts: units === 0 ? 0 : units <= single ? 1 : parts };
  }

  // What is sent: merge fields filled in, and what the first text adds.
  function complete(words, rules) {
    let said = words.trim().replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => rules.values[name] ?? whole);
    if (!said) return "";
    if (rules.before && !said.toLowerCase().includes(rules.clinic.toLowerCase())) said = rules.before + said;
    if (rules.after && !(said.includes("STOP") && said.includes("HELP"))) said += rules.after;
    return said;
  }

  const plural = ([one, many], count) => (count === 1 ? one : many.replace("{n}", count.toLocaleString(document.documentElement.lang)));

  function count() {
    const place = by("count-words");
    if (!place || !by("body")) return;
    const rules = JSON.parse(place.dataset.rules);
    const { isGsm, units, parts } = measure(complete(by("body").value, rules), rules);
    const said = [plural(rules.characters, units)];
    if (parts) said.push(plural(rules.texts, parts));
    if (parts && rules.price) {
      const money = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", maximumFractionDigits: 4 };
      said.push((rules.price * parts).toLocaleString(`${document.documentElement.lang}-US`, money));
    }
    if (!isGsm) said.push(rules.special);
    place.textContent = said.join(" · ");
  }

  // --- The draft is kept on the server; the first keystroke also tells the others.
  function keep() {
    clearTimeout(timer);
    const form = by("write");
    const words = by("body")?.value;
    if (!form || words === undefined || words === lastKept) return;
    lastKept = words;
    htmx.ajax("POST", form.dataset.draft, { source: document.body, values: { body: words }, swap: "none" });
  }

  document.addEventListener("input", (event) => {
    if (event.target.id !== "body") return;
    count();
    clearTimeout(timer);
    if (lastKept === null) keep();
    else timer = setTimeout(keep, 1000);
  });

  function insert(words) {
    const body = by("body");
    const [start, end] = body.value.trim() ? [body.selectionStart, body.selectionEnd] : [0, body.value.length];
    body.setRangeText(words, start, end, "end");
    body.focus();
    body.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A template stands on a line of its own, below what is written.
  function insertTemplate(words) {
    const body = by("body");
    const before = body.value.slice(0, body.selectionStart);
    insert(before.trim() && !before.endsWith("\n") ? `\n${words}` : words);
  }

  document.addEventListener("change", (event) => {
    const chosen = event.target;
    if (chosen.id === "template" && chosen.value) insertTemplate(chosen.selectedOptions[0].dataset.words);
    else if (chosen.id === "merge-field" && chosen.value) insert(`{{ ${chosen.value} }}`);
    else return;
    chosen.value = "";
  });

  // What is sent is not kept as a draft a moment later.
  document.addEventListener("submit", (event) => {
    if (event.target.id === "write") clearTimeout(timer);
  }, true);

  // --- The tabs: text, note, call.
  const tabs = () => [...document.querySelectorAll("#composer [role=tab]")];

  function show(tab) {
    for (const one of tabs()) {
      const isIt = one === tab;
      one.setAttribute("aria-selected", String(isIt));
      one.tabIndex = isIt ? 0 : -1;
    }
  }

  // What a phone's composer covers, the page has as room below its end.
  const bar = new ResizeObserver(([{ target }]) => {
    document.documentElement.style.setProperty("--composer", `${target.offsetHeight}px`);
  });

  // A phone's composer has one line until somebody writes. It stays open then: what shrinks while
  // something on it is pressed takes that away from under the finger.
  document.addEventListener("focusin", ({ target }) => {
    if (target.closest("#write")) by("composer").classList.add("is-writing");
  });

  function setUp() {
    const chosen = tabs().find((tab) => tab.getAttribute("aria-selected") === "true") ?? tabs()[0];
    if (chosen) show(chosen);
    lastKept = by("body")?.value ? by("body").value : null;
    count();
    bar.disconnect();
    bar.observe(by("composer"));
  }

  document.addEventListener("click", (event) => {
    const tab = event.target.closest("#composer [role=tab]");
    if (tab) {
      show(tab);
      by(tab.getAttribute("aria-controls")).querySelector("textarea, .outcomes button")?.focus();
    }
    if (event.target.closest("[data-call]") && by("tab-call")) show(by("tab-call"));
  });

  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("#composer [role=tab]");
    if (tab && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      const all = tabs();
      const next = all[(all.indexOf(tab) + (event.key === "ArrowRight" ? 1 : all.length - 1)) % all.length];
      show(next);
      next.focus();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.form?.closest("#composer")) {
      event.preventDefault();
      const form = event.target.form;
      form.requestSubmit(form.querySelector("[data-send]") ?? form.querySelector("button:not([type=button])"));
    }
    if (event.key === "Escape" && event.target.closest?.(".detail form")) {
      event.target.closest(".detail").querySelector("[data-cancel]").click();
    }
  });

  // --- What comes back. Two who change one thing: the second sees the first's word, and keeps his.
  let asker = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    asker = event.detail.requestConfig.elt;
    if (event.detail.xhr.status === 409 && asker.closest("#lead-details, #lead-consent, #lead-head")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  // What somebody is at stays, unless it is the answer to just that.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (asker?.closest(`#${target.id}`)) return;
    if (target.matches("#lead-consent:has(details[open]), #lead-details:has(.detail.is-open)")) {
      event.detail.shouldSwap = false;
    }
    if (target.id === "composer") carryOver(target, fragment);
  });

  function carryOver(old, fresh) {
    for (const id of ["note-body", "call-said"]) {
      const [from, to] = [old, fresh].map((part) => part.querySelector(`#${id}`));
      if (from && to) to.value = from.value;
    }
    fresh.querySelector("#composer").classList.toggle("is-writing", old.contains(document.activeElement));
    const chosen = old.querySelector("[aria-selected=true]");
    for (const tab of chosen ? fresh.querySelectorAll("[role=tab]") : []) {
      tab.setAttribute("aria-selected", String(tab.id === chosen.id));
    }
  }

  // A part that is replaced gives its focus on to the one that takes its place.
  let focused = "";
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { activeElement } = document;
    if (!event.detail.target.contains(activeElement)) return;
    focused = activeElement.id || activeElement.closest("details.menu")?.querySelector("summary").id || "";
  });
  document.addEventListener("htmx:load", (event) => {
    const part = event.detail.elt;
    if (part.id === "composer") setUp();
    if (part.id === "lead-head") backToTheBoard();
    if (part.id === "count") count(); // The server counted what it was sent, and more is typed since.
    const open = part.id === "lead-details" && part.querySelector("[data-focus]");
    // What is gone with its act leaves the focus at the top of its part.
    const gone = focused && part.id === "lead-head" ? part.querySelector("#who") : null;
    const next = open || (focused && part.querySelector(`[id="${focused}"]`)) || gone;
    if (!next) return;
    focused = "";
    next.focus({ preventScroll: true });
    if (open) next.select?.();
  });

  // --- Signs of life, while somebody can see the page.
  setInterval(() => {
    if (!document.hidden && by("lead-here")) htmx.trigger(by("lead-here"), "lead-here");
  }, 30000);

  // Back is where one came from: a board keeps its filters in its address.
  function backToTheBoard() {
    const back = document.querySelector("[data-back]");
    const from = document.referrer && new URL(document.referrer);
    if (from && from.origin === location.origin && from.pathname === new URL(back.href).pathname) {
      back.href = from.href;
    }
  }

  const focus = (id, tab) => () => {
    if (!by(tab)) return false;
    show(by(tab));
    by(id)?.focus();
  };
  frontdesk.measure = measure;
  frontdesk.key("t", focus("body", "tab-text"));
  frontdesk.key("c", focus("call-said", "tab-call"));
  setUp();
  backToTheBoard();
  // A card's "Text" means to write one.
  if (location.hash === "#composer") by("body")?.focus();
})();
