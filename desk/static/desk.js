// The desk's whole script. No library, no markup from strings (Trusted Types are enforced), no sentence made here: words come from the server.
const byId = (id) => document.getElementById(id);
const { page, replay, version } = document.body.dataset;
const inReplay = replay !== undefined;
const LOST_AFTER_MS = 12000; // the server speaks every 5 s
const LEAVE_MS = 800;

// Times arrive in UTC and stay in the title. In a replay event time stays UTC: it is nobody's today.
const SHORT = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const EXACT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
function localise(time) {
  if (!time.dateTime || (inReplay && time.dataset.zone === "event")) return;
  time.textContent = (time.id === "asof" ? EXACT : SHORT).format(new Date(time.dateTime));
}
function setTime(time, iso, words) {
  if (iso) time.dateTime = iso;
  time.title = words;
  time.textContent = words;
  localise(time);
}
for (const time of document.querySelectorAll("time")) localise(time);

// Filling: every element with data-f takes the value of that name.
function fill(root, values) {
  for (const element of root.querySelectorAll("[data-f]")) {
    const value = values[element.dataset.f];
    if (value !== undefined && element.textContent !== value) element.textContent = value;
  }
}
const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

// One EventSource per browser, not per tab: HTTP/1.1 gives six connections per host. Whoever holds the lock relays to the
// others; when its tab closes, the next in line takes over. Locks need https or this machine: elsewhere each tab listens itself.
function listen(take, lost) {
  const bus = new BroadcastChannel("tocsin-desk");
  let heard = performance.now();
  const hear = (message) => {
    if (message.lost) return lost(true);
    heard = performance.now();
    lost(false);
    take(message);
  };
  const tell = (message) => {
    hear(message);
    bus.postMessage(message);
  };
  bus.onmessage = (event) => hear(event.data);
  setInterval(() => performance.now() - heard > LOST_AFTER_MS && lost(true), 1000);
  const lead = () => new Promise(() => open(tell));
  if (navigator.locks) navigator.locks.request("tocsin-desk", lead);
  else lead();
}
function open(tell, wait = 500) {
  const events = new EventSource("/events");
  events.onopen = () => { wait = 500; };
  events.addEventListener("board", (event) => tell(JSON.parse(event.data)));
  events.addEventListener("still", (event) => tell(JSON.parse(event.data)));
  events.onerror = () => {
    tell({ lost: true });
    // CLOSED means an HTTP error: EventSource gives up for good, so it is opened anew.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => open(tell, Math.min(wait * 2, 4000)), wait);
  };
}
function showLink(isLost) {
  document.querySelector("[data-link=live]").hidden = isLost;
  document.querySelector("[data-link=lost]").hidden = !isLost;
  if (byId("lost")) byId("lost").hidden = !isLost;
}

function board() {
  const cells = new Map();
  const lists = byId("lists");
  let at = Number(version);
  let order = null;
  let catchingUp = false;

  async function catchUp() {
    if (catchingUp) return;
    catchingUp = true;
    try {
      const answer = await fetch("/board/state");
      if (answer.ok) take(await answer.json());
    } catch { /* the stream says that the desk is lost */ }
    catchingUp = false;
  }

  function take(message) {
    if (!message.full && message.v !== at + (message.rows || message.order || message.head || message.now ? 1 : 0)) {
      if (message.v > at) catchUp();
      return;
    }
    at = message.v;
    for (const [id, values] of Object.entries(message.rows ?? {})) {
      cells.set(id, values);
      const row = byId(`a-${id}`);
      if (row) draw(row, values);
    }
    if (message.now) setTime(byId("asof"), message.now.as_of_iso, message.now.as_of);
    if (message.head) drawHead(message.head);
    if (message.order) order = message.order;
    settle();
  }

  function draw(row, values) {
    row.id = `a-${values.id}`;
    row.dataset.severity = values.severity;
    row.dataset.state = values.state;
    row.querySelector(".sev").dataset.severity = values.severity;
    row.querySelector("a").href = `/alert/${values.id}`;
    row.querySelector(".before").setAttribute("d", values.before);
    row.querySelector(".since").setAttribute("d", values.after);
    row.querySelector("[data-f=when]").title = values.since;
    fill(row, values);
  }

  function drawHead(head) {
    byId("open").textContent = head.open;
    byId("recorded").textContent = head.recorded;
    byId("summary").textContent = head.summary;
    if (head.newest_iso) setTime(byId("newest"), head.newest_iso, head.newest);
    document.title = head.title + document.body.dataset.title;
    for (const mood of document.querySelectorAll("[data-mood]")) mood.hidden = mood.dataset.mood !== head.mood;
    if ((head.replay !== null) !== inReplay) location.reload();
    if (head.replay) {
      fill(byId("replay"), head.replay);
      byId("replay").querySelector("progress").value = head.replay.progress;
    }
    const notices = head.notices.map((values) => {
      const item = fromTemplate("t-notice");
      item.dataset.level = values.level;
      fill(item, values);
      item.querySelector(".since").hidden = !values.since;
      if (values.since) setTime(item.querySelector("time"), values.since_iso, values.since);
      return item;
    });
    if (!same(byId("notices"), notices)) byId("notices").replaceChildren(...notices, byId("lost"));
    byId("sources").replaceChildren(...head.sources.map((values) => {
      const item = fromTemplate("t-source");
      item.dataset.state = values.state;
      fill(item, values);
      setTime(item.querySelector("time"), values.newest_iso, values.newest);
      return item;
    }));
    byId("s-sources").hidden = !head.sources.length;
  }
  // A region that is read aloud is left alone while it says the same.
  const same = (list, items) => [...list.children].slice(0, -1).map((item) => item.textContent.trim()).join() === items.map((item) => item.textContent.trim()).join();

  // Rows do not move under the cursor, nor under the keyboard's focus: until both are elsewhere, or the button is pressed,
  // a new order waits. On the way to the button the hand leaves the rows: that is not yet elsewhere.
  const zones = [lists, byId("resort")];
  const held = () => zones.some((zone) => zone.matches(":hover") || (zone.contains(document.activeElement) && document.activeElement.matches(":focus-visible")));
  function settle(force = false) {
    if (!order) return;
    const changed = Object.entries(order).some(([kind, ids]) => ids.join() !== shown(kind).join());
    if (changed && !force && held() && shown("open").length) {
      byId("resort").hidden = false;
      return;
    }
    if (changed) for (const [kind, ids] of Object.entries(order)) arrange(kind, ids);
    byId("resort").hidden = true;
  }
  const table = (kind) => document.querySelector(`[data-list=${kind}]`);
  const shown = (kind) => [...table(kind).tBodies[0].rows].map((row) => row.id.slice(2));

  function arrange(kind, ids) {
    const rows = ids.map((id) => {
      const found = byId(`a-${id}`);
      if (found) return found;
      const values = cells.get(id);
      if (!values) return void catchUp();
      const row = fromTemplate("t-row");
      draw(row, values);
      if (kind === "open") row.classList.add("fresh");
      return row;
    }).filter(Boolean);
    table(kind).tBodies[0].replaceChildren(...rows);
    table(kind).hidden = !rows.length;
    if (kind === "open") byId("calm").hidden = rows.length > 0;
    else byId(`s-${kind}`).hidden = !rows.length;
  }

  for (const zone of zones) for (const left of ["pointerleave", "focusout"]) zone.addEventListener(left, () => setTimeout(settle, LEAVE_MS));
  byId("resort").addEventListener("click", () => settle(true));
  listen(take, showLink);
}

function evidence() {
  const { alert, number } = document.body.dataset;
  listen((message) => {
    if (message.rows?.[alert]?.number > Number(number)) byId("moved").hidden = false;
    if (message.now) setTime(byId("asof"), message.now.as_of_iso, message.now.as_of);
    if (message.head?.replay && byId("replay")) {
      fill(byId("replay"), message.head.replay);
      byId("replay").querySelector("progress").value = message.head.replay.progress;
    }
  }, showLink);
  if (byId("plot")) chart(byId("plot"), JSON.parse(byId("tips").textContent));
}

function chart(plot, tips) {
  const [from, until] = [tips[0][0], tips.at(-1)[1]];
  let current = -1;
  function point(index) {
    current = Math.max(0, Math.min(tips.length - 1, index));
    const [start, end, words] = tips[current];
    for (const svg of plot.querySelectorAll("svg")) {
      const [left, right] = [Number(svg.dataset.left), Number(svg.dataset.right)];
      const x = left + (((start + end) / 2 - from) / (until - from)) * (right - left);
      for (const name of ["x1", "x2"]) svg.querySelector(".cursor").setAttribute(name, x.toFixed(1));
    }
    byId("tip").value = words;
    byId("tip").classList.add("on");
  }
  function under(event) {
    const svg = [...plot.querySelectorAll("svg")].find((one) => one.getBoundingClientRect().width);
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const time = from + ((x - svg.dataset.left) / (svg.dataset.right - svg.dataset.left)) * (until - from);
    return tips.findIndex(([, end]) => time < end);
  }
  function documents() {
    if (current < 0) return;
    const address = new URL(plot.dataset.documents, location.href);
    address.searchParams.set("from", tips[current][0]);
    address.searchParams.set("until", tips[current][1]);
    location.assign(address);
  }
  plot.addEventListener("pointermove", (event) => point(under(event) < 0 ? tips.length - 1 : under(event)));
  plot.addEventListener("click", documents);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { event.preventDefault(); point(current < 0 && step < 0 ? tips.length - 1 : current + step); }
    if (event.key === "Enter") documents();
  });
}

if (byId("asof") && page !== "board" && page !== "alert") listen((message) => message.now && setTime(byId("asof"), message.now.as_of_iso, message.now.as_of), showLink);
({ board, alert: evidence })[page]?.();
