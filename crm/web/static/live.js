// Keeps an open page up to date: one stream tells what changed, as ids; whoever shows it asks again.
//
//   <section hx-get="…" hx-trigger="live:lead-<id> from:body">   listens for a topic
//   <div data-live="board tasks">                               names topics that a script heeds
//
// Each change is an event on the body, `live:<topic>`, whose `detail.ids` are what changed in it;
// none if all of it may have. The same comes after a cut, as far as it is not known what was
// missed, and every minute. The topics are those that the page has when it is loaded.
"use strict";
(() => {
  const SILENCE = 40_000;  // The server says something every 15 s.
  const REREAD = 60_000;
  const APART = 300;
  const FIRST = 1_000;
  const SOON = 30;
  const MOST = 100;
  const LONGEST = 30_000;

  const path = document.currentScript.dataset.stream;
  const topics = topicsOf(document);
  let stream = null;
  let wait = FIRST;
  let again = 0;
  // Until when the page knows everything: it was made after the browser asked for it.
  let knownAt = performance.timeOrigin;
  let rereadAt = Date.now() + REREAD;

  function topicsOf(page) {
    const words = new Set();
    for (const { dataset } of page.querySelectorAll("[data-live]")) {
      for (const word of dataset.live.split(/\s+/)) words.add(word);
    }
    for (const region of page.querySelectorAll("[hx-trigger*='live:']")) {
      for (const [, word] of region.getAttribute("hx-trigger").matchAll(/live:([\w-]+)/g)) {
        words.add(word);
      }
    }
    return [...words].filter(Boolean);
  }

  const address = () => {
    const age = Math.max(0, (Date.now() - knownAt) / 1000).toFixed(1);
    return `${path}?${new URLSearchParams({ topics: topics.join(), cid: frontdesk.client, age })}`;
  };

  // The browser's own way to come back would ask with the age of the beginning.
  function open() {
    clearTimeout(again);
    if (stream || document.hidden) return;
    stream = new EventSource(address());
    stream.onmessage = ({ data }) => hear(JSON.parse(data));
    stream.onerror = lost;
  }

  function close() {
    clearTimeout(again);
    stream?.close();
    stream = null;
    delete document.body.dataset.stream;
  }

  function lost() {
    if (stream.readyState === EventSource.CLOSED) askWhy();
    close();
    again = setTimeout(open, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, LONGEST);
  }

  // A stream does not say why it was refused. Whoever is signed out is led away from what is shown.
  async function askWhy() {
    const cut = new AbortController();
    try {
      const answer = await fetch(address(), { redirect: "manual", signal: cut.signal });
      if (answer.type === "opaqueredirect") location.reload();
    } catch {
      // The server is away.
    }
    cut.abort();
  }

  function hear(told) {
    if (told.over) {
      close();
      location.reload();
      return;
    }
    knownAt = Date.now();
    wait = FIRST;
    document.body.dataset.stream = "open";
    for (const [topic, ids] of Object.entries(told.changed ?? {})) note(topic, ids);
  }

  // What comes together is told together: of a storm of news, a page asks three times a second.
  const untold = new Map();
  let telling = 0;
  let toldAt = 0;
  let isTelling = false;
  let lastTold = [];

  function note(topic, ids) {
    const known = untold.get(topic);
    const both = [...new Set([...(known ?? []), ...ids])];
    const isAll = !ids.length || known?.length === 0 || both.length > MOST;
    untold.set(topic, isAll ? [] : both);
    telling ||= setTimeout(tell, Math.max(SOON, toldAt + APART - Date.now()));
  }

  // A region replaces itself by the answer, and with it goes what it was still to ask: news that
  // come while it asks are told once it is done.
  let asking = 0;
  const isForNews = ({ triggeringEvent }) => triggeringEvent?.type.startsWith("live:");
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    // The request says itself that it ended: what htmx says of it is lost with the region that
    // asked, if another answer took that region's place.
    if (isForNews(detail.requestConfig)) {
      asking += 1;
      detail.xhr.addEventListener("loadend", answered);
    } else if (detail.requestConfig.verb !== "get") {
      detail.xhr.addEventListener("loadend", wrote);
    }
  });

  function answered() {
    asking -= 1;
    if (untold.size) telling ||= setTimeout(tell, SOON);
  }

  // What was asked before something was written may be answered after it, with what was before.
  function wrote() {
    if (asking) for (const topic of lastTold) note(topic, []);
  }

  function tell() {
    telling = 0;
    if (asking) return;
    toldAt = Date.now();
    const now = [...untold];
    lastTold = [...untold.keys()];
    untold.clear();
    isTelling = true;
    for (const [topic, ids] of now) {
      document.body.dispatchEvent(new CustomEvent(`live:${topic}`, { detail: { ids } }));
    }
    isTelling = false;
  }

  // What a page asks by itself is no sign that somebody sits before it.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (isTelling || isForNews(detail)) {
      detail.headers["X-Live"] = "1";
    }
  });

  function look() {
    if (!stream) return;
    if (Date.now() - knownAt > SILENCE && document.body.dataset.stream) lost();
    if (Date.now() < rereadAt || !document.body.dataset.stream) return;
    rereadAt = Date.now() + REREAD;
    for (const topic of topics) note(topic, []);
  }

  if (!topics.length) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  setInterval(look, 5_000);
  open();
})();
