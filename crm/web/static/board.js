// The board: cards that are dragged, moved by keys and by the menu, and stay where the server says.
//
// A move shows at once and is asked for by htmx; every answer to a move, an undo or a live change is
// the same fragment ([data-board-changes]): heads of stages, counts of chips, and cards that stand by
// stage and rank.
"use strict";
(() => {
  const board = document.getElementById("board");
  if (!board) return;
  const isMovable = "movable" in board.dataset;
  const dialog = document.getElementById("move");
  const body = dialog.querySelector(".card-body");
  const cardOf = (element) => element?.closest?.(".lead-card");
  const idOf = (card) => card?.id.slice("lead-".length);
  const stageOf = (card) => card.closest(".stage");
  const cardsOf = (stage) => [...stage.querySelectorAll(".lead-card")];
  const listOf = (stageId) => document.getElementById(`cards-${stageId}`);
  const beside = (card, way) => {
    const next = card[`${way}ElementSibling`];
    return next?.matches(".lead-card") ? next : null;
  };
  // The focus alone does not scroll: who moves a card by its menu goes on where they are.
  const focus = (card) => card.querySelector(".lead-name").focus({ preventScroll: true });
  const goTo = (card) => {
    focus(card);
    card.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const isSeen = (card) => {
    const { left, right, top, bottom } = card.getBoundingClientRect();
    const middle = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return card.contains(middle);
  };

  // What the server says of cards and heads.

  // Ranks rise upwards; among equals the later id, which sorts as text, stands higher.
  const nameOf = (element) => element.dataset.last ?? element.id;
  const height = (one, other) =>
    Number(one.dataset.rank) - Number(other.dataset.rank) ||
    (nameOf(one) > nameOf(other)) - (nameOf(one) < nameOf(other));

  // Puts a card where its rank says; not below what is loaded, for the next page brings it there.
  function place(card) {
    const list = listOf(card.dataset.stage);
    if (!list) return card.remove();
    const others = [...list.querySelectorAll(":scope > .lead-card")].filter((one) => one !== card);
    const below = others.find((other) => height(card, other) > 0);
    const end = list.querySelector(":scope > .cards-more");
    if (end && height(card, end) < 0) return card.remove();
    const before = below ?? end ?? list.querySelector(":scope > .cards-none");
    if (card.parentElement !== list || card.nextElementSibling !== before) {
      list.insertBefore(card, before);
    }
  }

  function apply(fragment) {
    const focused = cardOf(document.activeElement);
    const follow = focused && isSeen(focused) ? goTo : focus;
    const made = [];
    for (const told of fragment.querySelectorAll(".stage-head, .chip-told")) {
      document.getElementById(told.id)?.replaceWith(told);
      made.push(told);
    }
    for (const id of fragment.dataset.gone.split(" ").filter(Boolean)) {
      const card = document.getElementById(`lead-${id}`);
      if (card && !isLeftAlone(card)) card.remove();
    }
    const cards = [...fragment.querySelectorAll(".lead-card")];
    if ("all" in fragment.dataset) removeOthers(cards, fragment.dataset.all.split(" "));
    for (const card of cards) {
      const old = document.getElementById(card.id);
      if (old && isLeftAlone(old)) continue;
      if (old && isSame(old, card)) {
        place(old);
        continue;
      }
      if (old) old.replaceWith(card);
      place(card);
      made.push(card);
    }
    for (const element of made) if (element.isConnected) htmx.process(element);
    const again = focused && document.getElementById(focused.id);
    if (again && !again.contains(document.activeElement)) follow(again);
  }

  // But for its clock, which runs.
  function contentOf(card) {
    const copy = card.cloneNode(true);
    for (const clock of copy.querySelectorAll("[data-due]")) clock.replaceWith(clock.dataset.due);
    return copy.innerHTML;
  }

  const isSame = (one, other) =>
    contentOf(one) === contentOf(other) && ["stage", "rank", "version"].every(
      (name) => one.dataset[name] === other.dataset[name],
    );

  // Of the first pages: what is loaded there and is not among them is elsewhere now.
  function removeOthers(cards, longer) {
    const ids = new Set(cards.map((card) => card.id));
    for (const stage of board.querySelectorAll(".stage")) {
      const first = cards.filter((card) => card.dataset.stage === stage.dataset.stage);
      const last = longer.includes(stage.dataset.stage) ? first.at(-1) : null;
      for (const card of cardsOf(stage)) {
        const isCovered = !last || height(card, last) > 0;
        if (isCovered && !ids.has(card.id) && !isLeftAlone(card)) card.remove();
      }
    }
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    const { xhr, successful, elt } = event.detail;
    if (!successful || !xhr.responseText.includes("data-board-changes")) return;
    // What was read while a move was made may tell of the time before it.
    if (elt === board && asking.at !== moves) return again(asking.ids);
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    apply(document.adoptNode(page.querySelector("[data-board-changes]")));
  });

  // The next page may bring a card that a move had put here already.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.target.matches(".cards-more")) return;
    const page = new DOMParser().parseFromString(event.detail.serverResponse, "text/html");
    for (const card of page.querySelectorAll(".lead-card")) {
      document.getElementById(card.id)?.remove();
    }
  });

  // Reads cards anew, one request after another; none named means the first pages.
  const unread = new Set();
  let isAll = false;
  let isReading = false;
  let asking = null;
  let moves = 0;

  function again(ids) {
    for (const id of ids) unread.add(id);
    isAll ||= !ids.length;
  }

  async function read(ids) {
    again(ids);
    if (isReading) return;
    isReading = true;
    while (isAll || unread.size) {
      const asked = isAll ? [] : [...unread].slice(0, 100);
      isAll &&= false;
      for (const id of asked) unread.delete(id);
      asking = { at: moves, ids: asked };
      const path = board.dataset.changes + asked.map((id) => `&lead=${id}`).join("");
      await htmx.ajax("GET", path, { source: board, swap: "none" }).catch(() => {});
    }
    isReading = false;
  }

  // Others' changes, as live.js tells them; without ids the first pages are read again.
  document.body.addEventListener("live:board", (event) => {
    const { ids } = event.detail;
    const wanted = ids.filter((id) => !busy.has(id));
    if (wanted.length || !ids.length) read(wanted);
  });

  // Moves and their undoing overlap, and are answered in any order: a later one may have told of
  // more, so what overlapped is read again.
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    const { path, verb } = detail.requestConfig;
    const [, id] = path.match(/\/leads\/([^/]+)\/move/) ?? [];
    if (verb !== "post" || !id) return;
    const at = ++moves;
    detail.xhr.addEventListener("loadend", () => {
      const isAlone = moves === at;
      moves += 1;
      if (!isAlone) read([id]);
    });
  });

  // Moves. `busy` holds the leads whose move is under way: they are left alone until it is known.

  const busy = new Map();

  // The card in somebody's hand, and whether news of it came meanwhile.
  const held = { card: null, isOld: false };

  function isLeftAlone(card) {
    held.isOld ||= card === held.card;
    return card === held.card || busy.has(idOf(card));
  }

  function letGo() {
    const { card, isOld } = held;
    held.card = null;
    if (card && isOld) read([idOf(card)]);
  }

  function send(card, values, putBack) {
    held.card = null; // From here on the server's answer tells how it stands.
    const id = idOf(card);
    const query = board.dataset.query && `?${board.dataset.query}`;
    card.classList.add("lead-moving");
    const done = (event) => {
      card.removeEventListener("htmx:afterRequest", done);
      busy.delete(id);
      card.classList.remove("lead-moving");
      if (event.detail.successful) return;
      putBack();
      if (event.detail.xhr.status === 409) read([id]);
    };
    card.addEventListener("htmx:afterRequest", done);
    const version = card.dataset.version;
    busy.set(id, true);
    htmx.ajax("POST", `${board.dataset.leads}${id}/move${query}`, {
      source: card, swap: "none", values: { version, ...values },
    });
  }

  // Shows a card in a list, asks for the move, and puts the card back if it is refused.
  function move(card, list, before, values = {}) {
    if (!isMovable || busy.has(idOf(card))) return;
    const [home, neighbour] = [card.parentElement, card.nextElementSibling];
    const hadFocus = card.contains(document.activeElement);
    list.insertBefore(card, before);
    if (hadFocus) focus(card);
    ask(card, home, neighbour, values);
  }

  // `home` and `neighbour` are where it stood.
  function ask(card, home, neighbour, values = {}) {
    const stage = stageOf(card);
    const putBack = () => {
      // News have put another element in its place, which stands where the server says.
      if (!card.isConnected) return read([idOf(card)]);
      const had = card.contains(document.activeElement);
      home.insertBefore(card, neighbour?.parentElement === home ? neighbour : null);
      if (had) goTo(card);
    };
    const isOther = stage.dataset.stage !== card.dataset.stage;
    if (isOther && stage.dataset.kind === "lost" && !values.lost_reason_id) {
      return choose(card, stage.dataset.stage, putBack);
    }
    const [below, above] = [beside(card, "next"), beside(card, "previous")];
    const where = below ? { before_id: idOf(below) } : above ? { after_id: idOf(above) } : {};
    const isOnTop = isOther && !above;
    send(card, { to_stage_id: stage.dataset.stage, ...(isOnTop ? {} : where), ...values }, putBack);
  }

  // The menu of where to; only one stage's part of it where a card was dropped there. News may
  // replace the card while it is open: it is known by its id, with the version that was seen.
  let chosen = null;
  const chosenCard = () => document.getElementById(chosen.id);

  async function choose(card, stageId = null, putBack = null) {
    const url = `${board.dataset.leads}${idOf(card)}/move`;
    chosen = { id: card.id, version: card.dataset.version, putBack };
    await htmx.ajax("GET", url, { source: body, target: body, swap: "innerHTML" });
    for (const form of body.querySelectorAll(".move-to")) {
      form.hidden = Boolean(stageId) && form.elements.to_stage_id.value !== stageId;
    }
    frontdesk.open("move");
    body.querySelector(".move-to:not([hidden]) .btn")?.focus();
  }

  dialog.addEventListener("submit", (event) => {
    if (!chosen) return;
    chosen.putBack?.();
    const card = chosenCard();
    const list = listOf(event.target.elements.to_stage_id.value);
    // What is not on this board is moved as without scripts.
    if (!card || !list) return;
    event.preventDefault();
    const { version } = chosen;
    chosen = null;
    dialog.close();
    const reason = event.submitter.value && { lost_reason_id: event.submitter.value };
    move(card, list, list.firstElementChild, { version, ...reason });
    focus(card);
  });

  dialog.addEventListener("close", () => {
    if (chosen) {
      chosen.putBack?.();
      const card = chosenCard();
      if (card) focus(card);
    }
    chosen = null;
    letGo();
  });

  if (isMovable) {
    board.addEventListener("click", (event) => {
      const link = event.target.closest(".lead-move");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      choose(cardOf(link));
    });
    for (const list of board.querySelectorAll(".cards")) drag(list);
  }

  function drag(list) {
    let neighbour = null;
    Sortable.create(list, {
      group: "board",
      draggable: ".lead-card",
      animation: 120,
      delay: 200,
      delayOnTouchOnly: true,
      touchStartThreshold: 5,
      ghostClass: "lead-ghost",
      dragClass: "lead-drag",
      onStart: ({ item }) => {
        neighbour = item.nextElementSibling;
        Object.assign(held, { card: item, isOld: false });
      },
      onEnd: ({ item, from, to, oldDraggableIndex, newDraggableIndex }) => {
        const isMoved = from !== to || oldDraggableIndex !== newDraggableIndex;
        const back = neighbour;
        if (isMoved && !busy.has(idOf(item))) return ask(item, from, back);
        if (isMoved) from.insertBefore(item, back);
        letGo();
      },
    });
  }

  // Keys, on the card that has the focus.

  const here = () => cardOf(document.activeElement);
  const stages = () => [...board.querySelectorAll(".stage")];

  function step(way) {
    const card = here();
    if (!card) {
      const first = board.querySelector(".lead-card");
      if (!first || document.activeElement !== document.body) return false;
      return goTo(first);
    }
    const next = beside(card, way);
    if (next) goTo(next);
  }

  // The card at the same height in the next stage that has one.
  function cross(by) {
    const card = here();
    if (!card) return false;
    const row = stages();
    const top = card.getBoundingClientRect().top;
    for (let at = row.indexOf(stageOf(card)) + by; row[at]; at += by) {
      const found = cardsOf(row[at]);
      if (!found.length) continue;
      const distance = (one) => Math.abs(one.getBoundingClientRect().top - top);
      return goTo(found.reduce((best, one) => (distance(one) < distance(best) ? one : best)));
    }
  }

  function shift(by) {
    const card = here();
    if (!card || !isMovable) return false;
    const row = stages();
    const stage = row[row.indexOf(stageOf(card)) + by];
    if (!stage) return;
    const list = stage.querySelector(".cards");
    list.scrollTop = 0;
    move(card, list, list.firstElementChild);
    goTo(card);
  }

  function lift(way) {
    const card = here();
    if (!card || !isMovable) return false;
    const other = beside(card, way);
    if (!other) return;
    move(card, card.parentElement, way === "next" ? other.nextElementSibling : other);
    goTo(card);
  }

  const press = (selector) => () => {
    const link = here()?.querySelector(selector);
    if (!link) return false;
    link.click();
  };

  for (const [names, act] of [
    [["ArrowDown", "j"], () => step("next")],
    [["ArrowUp", "k"], () => step("previous")],
    [["ArrowLeft", "h"], () => cross(-1)],
    [["ArrowRight", "l"], () => cross(1)],
    [["Shift+ArrowLeft"], () => shift(-1)],
    [["Shift+ArrowRight"], () => shift(1)],
    [["Shift+ArrowUp"], () => lift("previous")],
    [["Shift+ArrowDown"], () => lift("next")],
    [["m"], press(".lead-move")],
    [["c"], press("a[href^='tel:']")],
    [["t"], press("a[href$='#composer']")],
  ]) {
    for (const name of names) frontdesk.key(name, act);
  }
})();
