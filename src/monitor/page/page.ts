/**
 * The page that shows the status: its HTML. What it shows comes from `/status.json`, and is put in as text.
 *
 * @module
 */

/** What the page may load: its own script, style sheet and data, and nothing else. */
export const PAGE_CSP: string = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page. */
export const PAGE_HTML = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>gatehouse</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="status.css">
<script src="status.js" defer></script>
</head>
<body>
<header>
<h1>gatehouse</h1>
<span id="state" class="badge">connecting</span>
<span id="about" class="quiet"></span>
</header>
<main>
<section id="tiles" aria-label="Now"></section>
<section id="plots" aria-label="The last five minutes"></section>
<section>
<h2>Workers</h2>
<div id="workers"></div>
</section>
<section>
<h2>Requests under way <span class="quiet">the oldest first</span></h2>
<div id="requests"></div>
</section>
<section>
<h2>Endpoints</h2>
<div id="endpoints"></div>
</section>
<section>
<h2>Processes</h2>
<div id="processes"></div>
</section>
<section>
<h2>Errors and warnings <span class="quiet">the last one first</span></h2>
<div id="errors"></div>
</section>
<section id="control" hidden>
<h2>Control</h2>
<form id="keys">
<label>Token <input id="token" type="password" autocomplete="off" spellcheck="false"></label>
<button type="button" data-action="reload">Reload the apps</button>
<button type="button" data-action="drain" class="danger">Drain and end</button>
</form>
<p id="outcome" role="status"></p>
</section>
</main>
<noscript>This page needs JavaScript; <a href="status.json">status.json</a> does not.</noscript>
</body>
</html>
`;
