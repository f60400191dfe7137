// Live progress, keys, a list that follows running jobs, and the extras of the form for two files.
"use strict";

const units = ["B", "KB", "MB", "GB", "TB"];

function bytes(size) {
  let unit = 0;
  while (size >= 999.95 && unit < units.length - 1) { size /= 1000; unit += 1; }
  return `${size.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

// One stream for a page: browsers open at most six connections to a service.
function follow(box) {
  const bar = box.querySelector("progress"), said = box.querySelector(".stage");
  let stream = null;
  function show(event) {
    const job = JSON.parse(event.data);
    if (!["queued", "processing"].includes(job.status) || job.status !== box.dataset.status) {
      stream.close();
      renew(listen);
      return;
    }
    if (job.bytes_total) { bar.max = job.bytes_total; bar.value = job.bytes_read || 0; }
    if (job.status === "processing") {
      const read = job.bytes_total ? `: ${bytes(job.bytes_read || 0)} of ${bytes(job.bytes_total)} read` : "";
      said.textContent = (job.stage || "starting") + read;
    }
  }
  function listen() {
    if (stream) { stream.close(); stream = null; }
    if (document.hidden || !box.isConnected) return;
    stream = new EventSource(`/api/diffing/job/${box.dataset.job}/events`);
    stream.addEventListener("status", show);
  }
  document.addEventListener("visibilitychange", listen);
  listen();
}

function followFirst() {
  const box = document.querySelector(".progress");
  if (box) follow(box);
}

// A job began or ended. The page loads again, but not a form in it that may be half filled in.
async function renew(listen) {
  const state = document.getElementById("state");
  if (!state) { location.reload(); return; }
  try {
    const response = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("state");
    if (fresh) { state.replaceWith(fresh); followFirst(); } else if (response.redirected) location.reload(); // the session ended
    else setTimeout(listen, 2000);
  } catch (error) { setTimeout(listen, 2000); /* the service restarts */ }
}

// The part of the page that lists jobs, again and again while one of them runs.
async function poll() {
  const list = document.querySelector("[data-poll]");
  if (!list) return;
  if (!document.hidden) {
    try {
      const response = await fetch(location.href, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(list.id);
      if (response.ok && fresh && !list.contains(document.activeElement)) list.replaceWith(fresh);
    } catch (error) { /* the service restarts; the next look tells */ }
  }
  setTimeout(poll, 2000);
}

// The analysis or the rows, once they are made: the service answers then, or after a while.
async function complete(box) {
  const whole = box.closest("div[id]");
  let part = null;
  try {
    const response = await fetch(box.dataset.part);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(whole.id);
    if (fresh) {
      whole.replaceWith(fresh);
      part = fresh.querySelector("[data-part]");
    } else if (response.redirected) location.reload(); // the session ended
    else if (response.status >= 500) part = box;
    else box.querySelector("p").textContent = "This part cannot be shown. Load the page again.";
  } catch (error) { part = box; /* the service restarts */ }
  if (part) setTimeout(complete, 2000, part);
}

async function header(file) {
  let stream = file.slice(0, 256 * 1024).stream();
  const magic = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (magic[0] === 0x1f && magic[1] === 0x8b) stream = stream.pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  reader.cancel().catch(() => {});
  return (value || "").replace(/^\ufeff/, "").split(/\r?\n/, 1)[0];
}

function columns(line) {
  const found = line.match(/("([^"]|"")*"|[^,]*)(,|$)/g) || [];
  const names = found.map((field) => field.replace(/,$/, "").replace(/^"|"$/g, "").replaceAll('""', '"'));
  return line.endsWith(",") ? names : names.slice(0, -1);
}

async function preview(form, input) {
  const box = form.querySelector(`[data-side="${input.name}"]`), file = input.files[0];
  if (!file) { box.textContent = ""; return; }
  let names = [];
  try { names = columns(await header(file)); } catch (error) { /* another packing: the service reads it */ }
  const shown = names.slice(0, 12).join(", ") + (names.length > 12 ? ` and ${names.length - 12} more` : "");
  box.textContent = `${file.name}, ${bytes(file.size)}${names.length ? `: ${shown}` : ""}`;
  const list = form.querySelector("datalist");
  if (input.name === "new") {
    list.replaceChildren(...names.slice(0, 500).map((name) => Object.assign(document.createElement("option"), { value: name })));
  }
}

function upload(form) {
  const said = form.querySelector(".upload"), request = new XMLHttpRequest();
  const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 }), text = document.createElement("p");
  bar.setAttribute("aria-label", "Upload");
  said.replaceChildren(bar, text);
  request.upload.onprogress = (event) => {
    bar.max = event.total;
    bar.value = event.loaded;
    text.textContent = `sending: ${bytes(event.loaded)} of ${bytes(event.total)}`;
  };
  request.onload = () => {
    if (request.status < 400) { location.assign(request.responseURL); return; }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    said.textContent = page.querySelector("main p")?.textContent || "The service refused the files.";
    const options = [...page.querySelectorAll("main p code")].map((code) => code.textContent);
    if (options.some((option) => /^(delimiter|encoding|skip_lines|quote|sniff)\b/.test(option))) form.querySelector(".dialect").open = true;
  };
  request.onerror = () => { said.textContent = "The service does not answer. Try again."; };
  request.open("POST", form.action);
  request.send(new FormData(form));
}

function extras(form) {
  const inputs = [...form.querySelectorAll("input[type=file]")];
  for (const input of inputs) input.addEventListener("change", () => preview(form, input));
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    const files = [...event.dataTransfer.files], free = files.length > 1 ? inputs : inputs.filter((input) => !input.files.length);
    files.slice(0, 2).forEach((file, place) => {
      const input = free[place] || inputs[1], holder = new DataTransfer();
      holder.items.add(file);
      input.files = holder.files;
      preview(form, input);
    });
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); upload(form); });
}

// "/" goes to the first field of a filter; "j" and "k" go to the next and the previous section.
function shortcut(event) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea, [contenteditable]")) return;
  if (event.key === "/") {
    const form = document.getElementById("filter") || document.querySelector("form.filter");
    const field = form?.querySelector("input:not([type=hidden]), select");
    if (field) { event.preventDefault(); field.focus(); field.scrollIntoView({ block: "center" }); }
  } else if (event.key === "j" || event.key === "k") {
    const heads = [...document.querySelectorAll("main h2[id]")], tops = heads.map((head) => head.getBoundingClientRect().top);
    const here = heads.indexOf(document.activeElement);
    const place = event.key === "j"
      ? (here >= 0 ? here + 1 : tops.findIndex((top) => top > 1))
      : (here >= 0 ? here - 1 : tops.findLastIndex((top) => top < -1));
    const head = heads[place];
    if (head) { head.tabIndex = -1; head.focus({ preventScroll: true }); head.scrollIntoView({ block: "start" }); }
  }
}

document.addEventListener("keydown", shortcut);
followFirst();
document.querySelectorAll("form.compare").forEach(extras);
if (document.querySelector("[data-poll]")) setTimeout(poll, 2000);
document.querySelectorAll("[data-part]").forEach(complete);
