"""The Explorer: state, code and panels know no widgets; the other files lay them out with ipywidgets."""
