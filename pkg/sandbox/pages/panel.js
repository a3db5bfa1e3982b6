// Keeps the page as it is in the sandbox now: when the stream tells that something happened, the page is fetched again
// and its parts (data-live) are put in place of the old ones. A part that somebody works in waits until they have left
// it.
(() => {
  if (location.search.includes('said=')) history.replaceState(null, '', location.pathname + location.search.replace(/[?&]said=\w*/, '').replace(/^&/, '?'));
  const quiet = 400; // milliseconds between two looks
  const sign = document.getElementById('live');
  let stream, due = false, looking = false;

  async function look() {
    if (looking) { due = true; return; }
    looking = true;
    do {
      due = false;
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => null);
      if (answer && answer.ok) show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
      await new Promise((over) => setTimeout(over, quiet));
    } while (due);
    looking = false;
  }

  function show(fresh) {
    const names = (page) => [...page.querySelectorAll('main [data-live]')].map((part) => part.id).join();
    if (names(fresh) !== names(document)) swap(document.getElementById('main'), fresh.getElementById('main'));
    for (const next of fresh.querySelectorAll('[data-live]')) {
      if (next.id === 'clock') set(next);
      else swap(document.getElementById(next.id), next);
    }
  }

  function swap(old, next) {
    if (!old || (old.drawn ?? old.innerHTML) === next.innerHTML) return;
    if (old.contains(document.activeElement)) {
      old.addEventListener('focusout', () => setTimeout(look), { once: true });
      return;
    }
    const rows = (part) => [...part.querySelectorAll('[data-row]')];
    const known = new Set(rows(old).map((row) => row.dataset.row));
    const put = document.importNode(next, true);
    put.drawn = next.innerHTML; // without the marks of what is new
    for (const row of rows(put)) if (!known.has(row.dataset.row)) row.classList.add('fresh');
    old.replaceWith(put);
  }

  // The clock's buttons stay as they are; only what it shows changes.
  let ahead = Number(document.getElementById('time').dataset.now) - Date.now();
  function set(next) {
    ahead = Number(next.querySelector('time').dataset.now) - Date.now();
    for (const part of ['.date', '.small', '.first']) document.querySelector('.clock ' + part).textContent = next.querySelector(part).textContent;
    tick();
  }
  function tick() { document.getElementById('time').textContent = new Date(Date.now() + ahead).toISOString().slice(11, 19); }
  setInterval(tick, 1000);

  // A browser opens few connections to one server: a page that nobody sees gives its own back.
  function listen() {
    if (document.hidden) { stream?.close(); stream = null; return; }
    if (stream) return;
    stream = new EventSource('/_sandbox/stream');
    stream.onopen = () => { sign.hidden = false; sign.textContent = 'Live'; look(); };
    stream.onerror = () => { sign.hidden = false; sign.textContent = 'Not connected'; };
    for (const name of ['event', 'attempt', 'clock', 'faults']) stream.addEventListener(name, look);
  }
  document.addEventListener('visibilitychange', listen);
  addEventListener('pagehide', () => { stream?.close(); stream = null; });
  addEventListener('pageshow', listen);
})();
