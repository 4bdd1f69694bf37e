// The layout of a gallery.

/**
 * Whether a message is of the run that the page waits for; where it waits for none, any is.
 *
 * @param {string} run
 * @param {string} [wanted]
 */
export const heeds = (run, wanted) => !wanted || run === wanted;

/**
 * The grid's columns: one for each column of pictures, and one for the names of rows.
 *
 * @param {number} columns
 * @param {boolean} named
 */
export const template = (columns, named) => `${named ? "auto " : ""}repeat(${columns}, auto)`;

/**
 * @param {string} row
 * @param {string} column
 */
export const cellLabel = (row, column) => `thumbnail ${row} ${column}`.replace(/ +/g, " ");

/**
 * Colour of a cell's frame.
 *
 * @param {import("../lib/messages.js").GalleryRow} row
 * @param {number} i
 */
export const toneOf = ({ tone, tones }, i) => tones?.[i] ?? tone ?? "";
