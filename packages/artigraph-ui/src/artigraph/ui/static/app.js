// Makes pages better that also work without it: nothing here is needed to see anything.
"use strict";

// Sections with data-refresh="SECONDS" load themselves again, while the page is seen and nobody is at work in them.
for (const { id } of document.querySelectorAll("[data-refresh][id]")) refresh(id, null, 0);

function refresh(id, version, failures) {
  const section = document.getElementById(id);
  const seconds = Number(section?.dataset.refresh);
  if (!seconds) return; // what was running has ended
  setTimeout(async () => {
    if (document.hidden || isInUse(document.getElementById(id))) return refresh(id, version, failures);
    try {
      const headers = version ? { "X-Artigraph-Version": version } : {};
      const answer = await fetch(location.href, { headers, cache: "no-store" });
      if (answer.status === 200) {
        version = answer.headers.get("X-Artigraph-Version");
        const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
        const shown = document.getElementById(id);
        if (found && !isInUse(shown)) shown.replaceWith(document.adoptNode(found));
        start();
      }
      failures = answer.ok ? 0 : failures + 1;
    } catch {
      failures += 1; // the server does not answer: it is asked less and less often
    }
    refresh(id, version, failures);
  }, 1000 * Math.min(seconds * 2 ** failures, 300));
}

function isInUse(section) {
  return Boolean(section?.querySelector(":checked, details[open]")) || Boolean(section?.contains(document.activeElement));
}

// Moments are written anew as time passes.
setInterval(() => document.querySelectorAll("time[data-ago]").forEach(writeAgo), 30_000);

function writeAgo(element) {
  const seconds = (Date.now() - Date.parse(element.dateTime)) / 1000;
  const units = [[86_400, "day", 30], [3_600, "hour", 24], [60, "minute", 60]];
  const unit = units.find(([length]) => seconds >= length);
  if (!unit) return;
  const count = Math.floor(seconds / unit[0]);
  if (count <= unit[2]) element.textContent = `${count} ${unit[1]}${count > 1 ? "s" : ""} ago`;
}

// The button that compares says how many runs are chosen, and works from two on.
function start() {
  for (const form of document.querySelectorAll("form[data-compare]")) {
    const button = form.querySelector("button[data-needs]");
    const hint = form.querySelector("[data-count]");
    const update = () => {
      const count = form.querySelectorAll(":checked").length;
      button.disabled = count < Number(button.dataset.needs) || count > 50;
      hint.textContent = count ? `${count} chosen` : hint.dataset.count;
    };
    form.addEventListener("change", update);
    update();
  }
}
start();

// Chosen columns are remembered, and come back where the address names none.
for (const box of document.querySelectorAll("[data-remember]")) {
  const names = box.dataset.remember.split(" ");
  const form = box.closest("form");
  const key = (name) => `artigraph:${new URL(form.action).pathname}:${name}`;
  const given = new URLSearchParams(location.search);
  const remembered = names.map((name) => [name, JSON.parse(localStorage.getItem(key(name)) ?? "[]")]);
  form.addEventListener("submit", () => {
    for (const name of names) {
      const chosen = [...box.querySelectorAll(`[name="${name}"]:checked`)].map((each) => each.value);
      localStorage.setItem(key(name), JSON.stringify(chosen));
    }
  });
  if (!given.has(names[0]) && remembered[0][1].length) {
    for (const [name, values] of remembered) values.forEach((each) => given.append(name, each));
    location.replace(`?${given}`);
  }
  for (const all of box.querySelectorAll("[data-all]")) {
    all.hidden = false;
    all.addEventListener("click", ({ target }) => {
      if (!target.matches("button")) return;
      box.querySelectorAll(`[name="${names[0]}"]`).forEach((each) => (each.checked = target.value));
      if (!target.value) box.querySelectorAll(":checked").forEach((each) => (each.checked = false));
    });
  }
  // A pinned column is shown, and one that is not shown is not pinned.
  box.addEventListener("change", ({ target }) => {
    const [shown, pin] = target.closest(".column")?.querySelectorAll("input") ?? [];
    if (target === pin && pin.checked) shown.checked = true;
    if (target === shown && !shown.checked) pin.checked = false;
  });
}

// The key / goes to the search, and Escape closes what was opened to choose.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("find").focus();
  }
  const opened = event.key === "Escape" && event.target.closest("details.choose[open]");
  if (opened) {
    opened.open = false;
    opened.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const opened of document.querySelectorAll("details.choose[open]")) {
    if (!opened.contains(event.target)) opened.open = false;
  }
});

// The drawing of a lineage is wider than most windows: it begins at the box that it is about.
for (const drawing of document.querySelectorAll(".drawing")) {
  const box = drawing.querySelector(".root")?.getBoundingClientRect();
  const frame = drawing.getBoundingClientRect();
  if (!box) continue;
  drawing.scrollTo(box.left - frame.left - (frame.width - box.width) / 2, box.top - frame.top - (frame.height - box.height) / 2);
}
