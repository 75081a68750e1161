/**
 * The style sheet of the status page: light and dark, wide and narrow.
 *
 * @module
 */

/** The style sheet. */
export const PAGE_STYLE = `:root {
  color-scheme: light dark;
  --ground: #f5f6f8;
  --card: #ffffff;
  --text: #1b1f27;
  --quiet: #667080;
  --line: #dfe3e9;
  --main: #2563c9;
  --second: #c2410c;
  --good: #15803d;
  --warn: #a16207;
  --bad: #c81e1e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12151b;
    --card: #1a1f28;
    --text: #e5e9f0;
    --quiet: #929cad;
    --line: #2c3442;
    --main: #6ea8fe;
    --second: #ffa36b;
    --good: #5bd68a;
    --warn: #f2c14e;
    --bad: #ff7b7b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--ground);
  color: var(--text);
  font: 15px/1.45 system-ui, sans-serif;
}
header {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: .4rem .8rem;
  padding: 1rem clamp(.8rem, 3vw, 2rem) .2rem;
}
h1 { font-size: 1.35rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
.quiet { color: var(--quiet); font-weight: 400; font-size: .86rem; }
main { padding: .6rem clamp(.8rem, 3vw, 2rem) 2rem; display: grid; gap: .9rem; }
section { min-width: 0; }
main > section:not(#tiles):not(#plots) {
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: .6rem;
  padding: .8rem .9rem;
}
.badge {
  border-radius: 1rem;
  padding: .05rem .7rem;
  font-size: .86rem;
  font-weight: 600;
  border: 1px solid currentColor;
  color: var(--quiet);
}
.good { color: var(--good); }
.warn { color: var(--warn); }
.bad { color: var(--bad); }
#tiles { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(7.6rem, 1fr)); }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .55rem .75rem; }
.tile b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
#plots { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .75rem; min-width: 0; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 .8rem; font-size: .9rem; font-weight: 600; }
figcaption .key { font-weight: 400; }
svg { display: block; width: 100%; height: 7.5rem; margin-top: .3rem; }
svg .grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
svg path { fill: none; stroke-width: 1.8; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.main { stroke: var(--main); color: var(--main); }
.second { stroke: var(--second); color: var(--second); }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: .8rem; white-space: nowrap; }
th, td { padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.long { overflow-wrap: anywhere; min-width: 12rem; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .82rem; min-width: 14rem; }
td.short { white-space: nowrap; }
.none { color: var(--quiet); margin: 0; }
form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; }
label { display: grid; font-size: .8rem; color: var(--quiet); }
input { font: inherit; padding: .3rem .5rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--ground); color: var(--text); min-width: 14rem; max-width: 100%; }
button { font: inherit; font-size: .86rem; padding: .3rem .7rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--ground); color: var(--text); cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--main); }
button.danger { color: var(--bad); }
@media (max-width: 40rem) {
  body { font-size: 14px; }
  #tiles { grid-template-columns: repeat(3, 1fr); gap: .4rem; }
  .tile { padding: .4rem .5rem; }
  .tile b { font-size: 1.05rem; }
  .cards thead { display: none; }
  .cards tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0 .8rem; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  .cards tr:last-child { border-bottom: 0; }
  .cards td { border: 0; padding: .05rem 0; text-align: left; display: flex; gap: .5rem; min-width: 0; }
  .cards td.long, .cards td.text { grid-column: 1 / -1; }
  .cards td[data-label]::before { content: attr(data-label); color: var(--quiet); flex: none; }
}
`;
