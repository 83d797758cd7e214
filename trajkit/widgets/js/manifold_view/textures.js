// Layout of the textures: ROW points in a row; the alpha of a point's colour is its strength.

// WebGL2 guarantees textures that are 2048 wide.
export const ROW = 2048;

/** Room for all points and one more, in whole rows. A line looks at the point after its own. */
export const room = (total) => ROW * Math.ceil((total + 1) / ROW);

// 0 is hidden, below a half dimmed, above a half drawn, 255 selected.
export const HIDDEN = 0;
export const DIMMED = 70;
export const DRAWN = 190;
export const STRONG = 255;
