// What the scripts meet on the page beside the DOM. For the type checker alone.

/** What is used of an axis of a Plotly figure: values to pixels and back. */
interface PlotlyAxis {
  range: [number, number];
  type?: string;
  d2p?: (value: number) => number;
  p2d?: (pixel: number) => number;
}

/** What is used of a figure's layout. */
interface PlotlyLayout {
  annotations?: { name?: string; text: string; y: number }[];
  shapes?: { name?: string; line: { dash?: string }; y0: number; y1: number }[];
  height?: number;
  width?: number;
  margin?: { t?: number; b?: number };
  meta?: { kind?: string; drawn?: boolean; T?: number };
  /** Ours: the names of the curves were put below the figure. */
  below?: boolean;
  /** Ours: the layout as it came, while the figure has another height. */
  own?: PlotlyLayout;
}

/** What is used of a Plotly figure. */
interface PlotlyElement extends HTMLElement {
  _context?: { _baseUrl: string };
  on?: (event: string, act: () => void) => void;
  layout?: PlotlyLayout;
  _fullLayout?: {
    xaxis?: PlotlyAxis;
    yaxis?: PlotlyAxis;
    _size?: { l: number; t: number; w: number; h: number };
  };
}

interface PlotlyGlobal {
  relayout: (plot: HTMLElement, changes: Record<string, unknown>) => Promise<unknown>;
}
