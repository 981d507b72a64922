"""Pictures in and results out: the only package that knows file formats.

`images.load_picture` is the one way in, `save.save_result` the one way out; `cv` is the only module that
imports OpenCV, `qimages` the only one that imports Qt.
"""
