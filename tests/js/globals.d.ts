// What the scripts meet on the page beside the DOM. For the type checker alone.

interface Window {
  /** Gives a run its name; load.js defines it for the page's own event snippets. */
  newRun?: () => string;
}

/** What is used of a Plotly figure. */
interface PlotlyElement extends HTMLElement {
  on?: (event: string, act: (event: { points: { x: number }[] }) => void) => void;
  _fullLayout?: {
    xaxis?: { l2p?: (value: number) => number };
    _size?: { l: number; t: number; h: number };
  };
}
