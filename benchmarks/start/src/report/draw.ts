/** Draws a Vega specification as SVG, on the server, in colours that follow the page's light or dark theme. */
import { parse, type Spec, View } from 'vega';

/** Colours by role; the page's style sheet gives each a light and a dark value. */
export const colour = {
  varve: 'var(--varve)',
  rival: 'var(--rival)',
  model: 'var(--model)',
  soft: 'var(--soft)',
  text: 'var(--text)',
  muted: 'var(--muted)',
  grid: 'var(--grid)',
} as const;

const font = 'system-ui, sans-serif';

const config: Spec['config'] = {
  background: 'transparent',
  axis: {
    domainColor: colour.grid,
    tickColor: colour.grid,
    gridColor: colour.grid,
    labelColor: colour.muted,
    titleColor: colour.muted,
    labelFont: font,
    titleFont: font,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 'normal',
    titlePadding: 8,
  },
  legend: {
    labelColor: colour.text,
    labelFont: font,
    labelFontSize: 11,
    labelLimit: 0,
    symbolSize: 90,
    orient: 'top',
  },
};

/** What every chart here shares. */
export const frame: Pick<Spec, '$schema' | 'autosize' | 'config' | 'padding'> = {
  $schema: 'https://vega.github.io/schema/vega/v6.json',
  autosize: { type: 'fit', contains: 'padding' },
  padding: 4,
  config,
};

/** @param label says to those who cannot see it what the chart shows */
export async function drawSvg(spec: Spec, label: string): Promise<string> {
  const view = new View(parse(spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  // Widths come from the page; the view box keeps the proportions.
  return svg
    .replace(/<svg /, `<svg role="img" aria-label="${escapeText(label)}" `)
    .replace(/ width="\d+(?:\.\d+)?" height="\d+(?:\.\d+)?"/, '');
}

/** Text as HTML. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
