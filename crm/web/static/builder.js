// The builder: parts that are dragged, keys on the step that has the focus, and where the focus goes.
//
// Every change is an ordinary form or link that htmx sends; what comes back replaces #builder.
"use strict";
(() => {
  const builder = () => document.getElementById("builder");
  const stepOf = (element) => element?.closest?.(".step");
  const words = (step) => step?.querySelector(":scope > .step-card > .step-head > .step-words");
  const here = () => stepOf(document.activeElement);
  let focused = []; // Where the focus may go once the part with it is replaced: the first that is there.

  const send = (url, values) => {
    const { version, tab } = builder().dataset;
    return htmx.ajax("POST", url, { source: document.body, swap: "none", values: { version, tab, ...values } });
  };

  // Dropped where it came from, nothing is sent.
  function drag() {
    for (const list of document.querySelectorAll("#builder .part-list:not(.ways)")) {
      Sortable.create(list, {
        group: "steps",
        handle: ".step-grip",
        draggable: ".step",
        animation: 120,
        ghostClass: "step-ghost",
        onEnd: ({ item, from, to, oldDraggableIndex, newDraggableIndex }) => {
          if (from === to && oldDraggableIndex === newDraggableIndex) return;
          const before = item.nextElementSibling?.dataset.part ?? "";
          send(builder().dataset.place, { part: item.dataset.part, into: to.dataset.into, before });
        },
      });
    }
  }

  // A form that somebody else was faster than comes back with what was typed, and is shown.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.xhr.status !== 409 || !detail.xhr.responseText.includes('id="builder"')) return;
    detail.shouldSwap = true;
    detail.isError = false;
  });

  // The focus goes into what was opened, else stays with what had it.
  document.addEventListener("htmx:oobBeforeSwap", ({ detail: { target } }) => {
    if (target.id !== "builder" || !target.contains(document.activeElement)) return;
    const step = here();
    const beside = step?.nextElementSibling ?? step?.previousElementSibling;
    const steps = [step, beside].filter((one) => one?.dataset.part);
    focused = [document.activeElement.id, ...steps.map((one) => `edit-${one.dataset.part}`)];
  });

  document.addEventListener("htmx:load", ({ detail: { elt } }) => {
    if (elt.id !== "builder") return;
    drag();
    const wrong = elt.querySelector(".is-open [aria-invalid=true]");
    const opened = elt.querySelector(".chooser button[name=kind], .is-open .part-form :is(input:not([type=hidden]), select, textarea)");
    const kept = focused.map((id) => document.getElementById(id)).find((one) => one && !one.disabled);
    const isPreview = kept?.closest(".part-preview");
    (isPreview ? kept : wrong ?? opened ?? kept)?.focus({ preventScroll: Boolean(kept) });
    focused = [];
  });

  // Another person or language of a preview is shown at once.
  document.addEventListener("change", ({ target }) => {
    if (target.closest("[data-as]")) target.form.requestSubmit();
  });

  document.addEventListener("keydown", (event) => {
    const open = event.target.closest?.(".part-form, .chooser");
    if (!open || event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    (open.querySelector("[data-cancel]") ?? open.closest(".step")?.querySelector("[data-cancel]"))?.click();
  }, true);

  function go(by) {
    const all = [...document.querySelectorAll("#builder .step")];
    if (!all.length) return false;
    const at = all.indexOf(here());
    words(all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))])?.focus();
  }

  const press = (selector) => () => {
    const button = here()?.querySelector(`:scope > .step-card > .step-head ${selector}`);
    if (!button || button.disabled) return false;
    button.click();
  };

  function addBelow() {
    const step = here();
    if (!step) {
      document.querySelector("#builder .builder-steps > .step-add")?.click();
      return;
    }
    const list = step.parentElement;
    (step.querySelector(":scope > .step-between") ?? list.parentElement.querySelector(":scope > .step-add"))?.click();
  }

  for (const [names, act] of [
    [["ArrowDown", "j"], () => go(1)],
    [["ArrowUp", "k"], () => go(-1)],
    [["Shift+ArrowUp"], press("[value=up]")],
    [["Shift+ArrowDown"], press("[value=down]")],
    [["Shift+ArrowRight"], press("[value=in]")],
    [["a"], addBelow],
    [["d"], press("[value=duplicate]")],
    [["Delete"], press("[value=remove]")],
  ]) {
    for (const name of names) frontdesk.key(name, act);
  }
  drag();
})();
