"""One module a command or group of commands; imported when it is called, so that ``footnote --help`` is quick."""
