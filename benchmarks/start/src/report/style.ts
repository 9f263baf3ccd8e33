/** The report's style sheet. Charts take their colours from here, so one drawing serves light and dark. */
export const style = `
:root {
  --paper: #fbfaf7; --card: #ffffff; --text: #1d2421; --muted: #66706b; --grid: #dfe3dd;
  --varve: #0f766e; --rival: #a3aaa5; --model: #c2570c; --soft: #c2570c1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #121715; --card: #1a211e; --text: #e8ece9; --muted: #9aa6a0; --grid: #313a36;
    --varve: #2dd4bf; --rival: #6f7a75; --model: #fb923c; --soft: #fb923c26;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 64px; }
.layers {
  height: 10px; margin: 0 0 28px; border-radius: 5px;
  background: repeating-linear-gradient(90deg, var(--varve) 0 34px, var(--model) 34px 40px, var(--varve) 40px 96px, var(--rival) 96px 104px);
}
h1 { font-size: 34px; line-height: 1.15; margin: 0 0 6px; letter-spacing: -0.02em; }
h2 { font-size: 21px; margin: 0 0 10px; letter-spacing: -0.01em; }
.lead { font-size: 18px; color: var(--muted); margin: 0 0 24px; max-width: 62ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 14px; margin: 0; }
.tiles div { background: var(--card); border: 1px solid var(--grid); border-radius: 12px; padding: 14px 16px; }
.tiles dt { font-size: 25px; font-weight: 650; color: var(--varve); letter-spacing: -0.01em; }
.tiles dd { margin: 2px 0 0; color: var(--muted); font-size: 13.5px; }
section { margin-top: 48px; }
section > p { max-width: 78ch; margin: 0 0 16px; }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 18px; }
figure { margin: 0 0 18px; background: var(--card); border: 1px solid var(--grid); border-radius: 12px; padding: 18px 18px 12px; }
figure svg { display: block; width: 100%; height: auto; max-height: 360px; }
figcaption { color: var(--muted); font-size: 13.5px; margin-top: 8px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 7px 12px; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th { color: var(--muted); font-weight: 500; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
footer { margin-top: 56px; color: var(--muted); font-size: 13px; }
`;
