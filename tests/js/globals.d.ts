// What the scripts meet on the page beside the DOM. For the type checker alone.

/** What is used of a Plotly figure. */
interface PlotlyElement extends HTMLElement {
  on?: (event: string, act: (event: { points: { x: number }[] }) => void) => void;
  _fullLayout?: {
    xaxis?: { l2p?: (value: number) => number };
    _size?: { l: number; t: number; h: number };
  };
}
