"""What several tabs use; a tab imports these rooms, and never another tab.

Its files:

    components      our own HTML components
    forms           a tab's controls by name: one table of fields, and updates by name
    page            the page around a tab, and what tabs give to each other by name
    player          the frame player
    models          the checkpoints that the page offers
    sessions        what belongs to one visitor
    header          glossary, Reset everything, Present, and the bar at the bottom
    connection      whose page it is, and what it finds again after a reload
    number_input    sliders whose number may be missing, and the sentence beside them
    errors          the page's sentence for an error
    login           the password that `--auth` asks for, at every door
    memory          how much the page keeps in memory, and giving back what is free
    limits          how much the page computes for one visitor
    compute_queue   the one queue in which all that computes waits
    crossing        the one way out of every answer, and closed doors
    picture_upload  the one door by which a user's picture enters
    hole            the painter of a hole, and the mask that was painted
    picture_and_noise  a picture and its noise, as the browser mixes them
    python_needs    what the lines of Python that the page shows need
    seed_input      the control of a seed
    value_range     the control of which values are black and white
    stop_signals    signs that end what a session computes or fetches
    start_image     a picture that a walk begins with
    class_menu      the menu of a model's classes
    fetching        a model that was chosen, on its way here
    suited_picture  the picture that is shown for a model before anybody chose one
    walk_step       a step of a walk, as one tab hands it to another
    changed_network  a network with parts changed, and what it is in words
    code_fold       the fold with the lines of Python that make what a tab shows
    mended_scripts  mends of Gradio's scripts: of a deferred event, and of a search as a page opens
    cache           the latest values of a function that several threads call, each computed once
    figures         Plotly figures from arrays
    text            numbers as words, and any text as text that can be shown
    wire            the messages between page and server, and bytes as text
    pace            how fast this machine evaluates each model, for every forecast
    gpu             long walks on a borrowed GPU
    shutdown        the end: computations stop, what was learned is kept
"""

__all__ = [
    "cache",
    "changed_network",
    "class_menu",
    "code_fold",
    "components",
    "compute_queue",
    "connection",
    "crossing",
    "errors",
    "fetching",
    "figures",
    "forms",
    "gpu",
    "header",
    "hole",
    "limits",
    "login",
    "memory",
    "mended_scripts",
    "models",
    "number_input",
    "pace",
    "page",
    "picture_and_noise",
    "picture_upload",
    "player",
    "python_needs",
    "seed_input",
    "sessions",
    "shutdown",
    "start_image",
    "stop_signals",
    "suited_picture",
    "text",
    "value_range",
    "walk_step",
    "wire",
]
