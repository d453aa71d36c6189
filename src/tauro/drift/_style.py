"""The look of the HTML report: on screens wide and narrow, light and dark, and on paper."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2330;--faint:#5d6778;--line:#dde2ea;--page:#f5f6f9;
--card:#fff;--old:#5b7fa6;--new:#d9722e;--drift:#b3261e;--negligible:#8a5a00;--stable:#1d6b42;
--too_few_rows:#5d6778}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--faint:#9aa4b5;--line:#343b48;
--page:#14171d;--card:#1d222b;--old:#7fa6d1;--new:#f09155;--drift:#ff8a80;--negligible:#f0c060;
--stable:#7dd3a5}
}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:1.5rem;margin:0 0 4px;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:32px 0 10px}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
p{margin:0 0 8px}
.faint{color:var(--faint);fill:var(--faint)}
small{color:var(--faint)}
.banner{background:var(--card);border:1px solid var(--line);border-left:6px solid var(--tone);
border-radius:6px;padding:18px 20px}
.banner h1{color:var(--tone);margin-bottom:8px}
.banner .names{overflow-wrap:anywhere}
.share{display:flex;gap:2px;height:8px;margin:14px 0 8px;border-radius:4px;overflow:hidden}
.share i{background:var(--tone);min-width:4px}
.counts{display:flex;flex-wrap:wrap;gap:4px 24px;margin:0 0 8px;padding:0;list-style:none}
.counts b{font-size:1.25rem;margin-right:6px;color:var(--tone)}
.tests{padding:12px 16px 4px}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:6px 12px;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
th{font-weight:600;color:var(--faint);font-size:.85rem}
td.n,th.n{text-align:right;white-space:nowrap}
td a{color:inherit;overflow-wrap:anywhere;text-decoration-color:var(--line);
text-underline-offset:3px}
td small{display:block;overflow-wrap:anywhere}
.meter{display:block;position:relative;width:88px;height:4px;margin:3px 0 2px auto;
border-radius:2px;background:var(--line)}
.meter i{position:absolute;inset:0 auto 0 0;border-radius:2px;background:var(--tone)}
.meter:after{content:"";position:absolute;left:25%;top:-2px;bottom:-2px;width:1px;
background:var(--ink)}
.tag{font-size:.82rem;font-weight:600;color:var(--tone);white-space:nowrap}
.drift{--tone:var(--drift)}
.negligible{--tone:var(--negligible)}
.stable{--tone:var(--stable)}
.too_few_rows{--tone:var(--too_few_rows)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));
gap:14px}
.card{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:14px 16px;
break-inside:avoid;min-width:0}
.card header{display:flex;justify-content:space-between;gap:10px;align-items:baseline;
margin-bottom:6px}
.card table{font-size:.85rem;margin-top:6px}
.card th,.card td{padding:3px 0 3px 8px}
.card th:first-child,.card td:first-child{padding-left:0}
svg{width:100%;height:auto;display:block;margin:8px 0}
svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg .faint{font-size:10px;fill:var(--faint)}
path.old{fill:var(--old);fill-opacity:.45}
rect.old{fill:var(--old)}
path.new{fill:var(--new);fill-opacity:.18;stroke:var(--new);stroke-width:1.6}
rect.new{fill:var(--new)}
.axis{stroke:var(--faint);stroke-width:1;fill:none}
.key{display:inline-block;width:.85em;height:.85em;border-radius:2px;margin:0 5px 0 12px;
vertical-align:-1px}
.key.o{background:var(--old)}
.key.c{background:var(--new)}
@media(max-width:560px){h1{font-size:1.2rem}
main{padding:12px 10px 32px}
.hide{display:none}
.wide th,.wide td{padding:6px 8px}
.meter{width:56px}
}
@media print{:root{--page:#fff;--card:#fff;--ink:#000;--faint:#444;--line:#bbb;--old:#5b7fa6;
--new:#d9722e;--drift:#b3261e;--negligible:#8a5a00;--stable:#1d6b42}
body{font-size:9pt}
main{max-width:none;padding:0}
.cards{display:block;columns:2;column-gap:12px}
.card{margin-bottom:10px;padding:8px 10px}
.card table{font-size:7.5pt}
tr{break-inside:avoid}
h2{break-after:avoid}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""
