"""Settings of Sphinx: `python -m sphinx -W docs build/docs` makes the pages."""

import sys
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).parent / "_ext"),
    str(Path(__file__).parents[1] / "cli"),
    str(Path(__file__).parents[1]),
]

from nbnumba import __version__  # noqa: E402

project = "nbnumba"
author = "the authors of nbnumba"
copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "generated"]
exclude_patterns = ["_*", "tutorial/*.toml"]
source_suffix = {".md": "markdown"}

myst_enable_extensions = ["deflist", "html_image", "colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
toc_object_entries = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
add_module_names = False
smartquotes_action = "D"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "alabaster"
html_theme_options = {
    "description": "Nanocrystal diffraction images, simulated fast",
    "page_width": "1180px",
    "sidebar_width": "240px",
    "fixed_sidebar": True,
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "pre_bg": "#f6f6f2",
    "show_powered_by": False,
}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_show_copyright = False
html_copy_source = False
