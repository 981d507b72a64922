"""How the bundled pictures are drawn: one module a picture or family of pictures, NumPy throughout."""
