// What the front desk has on every page: forms in a window, the search, the bell and the ticks.
//
// A link with `data-sheet` opens what it leads to in a window over the page; without this script it
// is an ordinary link. `data-key` gives a link or a button a key.
"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const sheet = find("sheet");
  const palette = find("palette");
  if (!sheet || !palette) return;

  // Windows: a page's form, shown over the page where it is needed.
  async function openSheet(url) {
    palette.close();
    find("sheet-body").replaceChildren();
    await htmx.ajax("GET", url, { target: "#sheet-body", swap: "innerHTML" });
    if (find("sheet-body").children.length && !sheet.open) sheet.showModal();
    focusFirst();
  }

  function focusFirst() {
    const wrong = sheet.querySelector("[aria-invalid]");
    (wrong ?? sheet.querySelector("[autofocus]"))?.focus();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-sheet], a[data-palette]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    if ("palette" in link.dataset) openPalette();
    else openSheet(link.href);
  });

  // What was typed is thrown away by whoever says so, not by a key or a button that was hit.
  const ask = find("sheet-ask");
  let isChanged = false;
  let before = null;

  function asksFirst(event) {
    if (!isChanged || !ask.hidden) return;
    event.preventDefault();
    event.stopPropagation();
    before = document.activeElement;
    ask.hidden = false;
    ask.querySelector("[data-go-on]").focus();
  }

  function goOn() {
    ask.hidden = true;
    before?.focus();
  }

  sheet.addEventListener("input", () => { isChanged = true; });
  sheet.addEventListener("cancel", asksFirst);
  sheet.addEventListener("click", (event) => {
    if (event.target.closest(".sheet-close")) asksFirst(event);
    if (event.target.closest("[data-go-on]")) goOn();
  });
  sheet.addEventListener("close", () => {
    isChanged = false;
    ask.hidden = true;
  });

  sheet.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      sheet.querySelector("form")?.requestSubmit();
    }
  });

  // The search: Ctrl-K, a few letters or digits, Enter.
  const form = palette.querySelector("form");
  const input = find("palette-input");
  const list = find("palette-list");
  let asked = null;
  let shown = null;
  let wantsFirst = false;
  let current = -1;

  const hits = () => [...list.querySelectorAll("a")];

  function openPalette() {
    if (!palette.open) palette.showModal();
    input.select();
    htmx.trigger(form, "palette-ask");
  }

  function point(to) {
    const all = hits();
    current = all.length ? (to + all.length) % all.length : -1;
    all.forEach((hit, index) => hit.setAttribute("aria-selected", String(index === current)));
    if (current < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", all[current].id);
      all[current].scrollIntoView({ block: "nearest" });
    }
  }

  // Enter may come before the answer to what was typed last: it is waited for.
  function choose() {
    wantsFirst = shown !== input.value;
    if (!wantsFirst) hits()[current]?.click();
    else if (asked !== input.value) htmx.trigger(form, "palette-ask");
  }

  form.addEventListener("htmx:beforeRequest", () => { asked = input.value; });
  form.addEventListener("submit", (event) => { event.preventDefault(); choose(); });
  list.addEventListener("htmx:afterSwap", () => {
    shown = asked;
    for (const hit of hits()) {
      hit.setAttribute("role", "option");
      hit.tabIndex = -1;
    }
    point(0);
    if (wantsFirst) choose();
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    point(current + step);
  });
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
  palette.addEventListener("close", () => { wantsFirst = false; });

  // Keys.
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
    }
  });
  frontdesk.key("/", openPalette);
  for (const element of document.querySelectorAll("[data-key]")) {
    frontdesk.key(element.dataset.key, () => element.click());
  }
  for (const page of ["inbox", "pipeline", "calendar", "tasks", "reports"]) {
    const link = document.querySelector(`.rail a[href$="/${page}"]`);
    if (link) frontdesk.key(`g ${page[0]}`, () => link.click());
  }

  // The bell: opening it is having seen.
  const bell = document.querySelector("details.bell");
  bell?.addEventListener("toggle", () => {
    if (!bell.open) return;
    htmx.trigger("#bell-list", "bell-open");
    find("count-notices").hidden = true;
  });

  // Ticks show at once what they do; what was refused is put back, and the toast says why.
  function flip(tick) {
    const button = tick.querySelector("button");
    const isDone = tick.closest("li").classList.toggle("task-done");
    button.setAttribute("aria-pressed", String(isDone));
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.matches?.("[data-tick]")) flip(event.target);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, requestConfig, successful, xhr } = event.detail;
    if (elt.matches("[data-tick]") && !successful) flip(elt);
    if (!successful || requestConfig.verb === "get") return;
    if (sheet.contains(elt) && xhr.status === 204) sheet.close();
    if (requestConfig.path.includes("/tasks")) htmx.trigger(document.body, "tasks-changed");
  });

  // A list that is loaded anew keeps what was picked, and the place where one was.
  let kept = null;
  const ticks = () => [...document.querySelectorAll("#tasks .tick")];

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "tasks") return;
    const picked = document.querySelectorAll("#tasks [name=task_id]:checked");
    kept = {
      at: ticks().indexOf(document.activeElement),
      picked: new Set([...picked].map((box) => box.id)),
    };
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "sheet-body") focusFirst();
  });

  // At once: whoever picks tasks and sends them must not come in between.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "tasks" || !kept) return;
    for (const id of kept.picked) if (find(id)) find(id).checked = true;
    if (kept.at >= 0) (ticks()[kept.at] ?? ticks().at(-1))?.focus();
    kept = null;
    countPicked();
  });

  const boxes = () => [...document.querySelectorAll("#tasks [type=checkbox]")];

  function countPicked() {
    const done = document.querySelector("#many .btn-primary");
    if (done) done.disabled = !boxes().some((box) => box.checked);
  }

  document.addEventListener("change", countPicked);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-pick-all]")) return;
    const isOn = boxes().some((box) => !box.checked);
    for (const box of boxes()) box.checked = isOn;
    countPicked();
  });
  countPicked();
})();
