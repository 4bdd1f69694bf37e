"""What is recorded of an avatar, in words: several phrases for a value, and none for two values.

No word tells a gender: none is recorded. What is not recorded has no word. A phrase stands for one
value alone, so that a caption can be obeyed, and measured; of values that only look a little
different, the words tell how.
"""

from __future__ import annotations

from ..conditioning import CLASS

Phrases = dict[str, tuple[str, ...]]

OPEN_PEEPS, PIXEL_ART, THUMBS = "open-peeps", "pixel-art", "thumbs"

NOUNS: Phrases = {
    OPEN_PEEPS: ("person", "character", "figure", "somebody"),
    PIXEL_ART: ("pixel person", "pixel art person", "pixel character", "8 bit person", "pixel art"),
    THUMBS: ("thumb", "thumb character", "thumb avatar"),
}

WITHOUT_ARTICLE = ("somebody", "pixel art")

# Each of the faces: words that stand before a noun, and phrases that follow "with".
FACES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "angryWithFang": (("grumpy",), ("a fang", "a grumpy fang")),
    "awe": (("amazed", "astonished"), ("a look of awe", "wide open eyes")),
    "blank": (("expressionless", "neutral"), ("a blank face", "a blank look")),
    "calm": (("calm", "peaceful", "relaxed"), ("a calm face",)),
    "cheeky": (("cheeky", "mischievous"), ("a cheeky grin", "a smirk")),
    "concerned": (("concerned", "worried"), ("a worried face",)),
    "concernedFear": (("anxious", "nervous"), ("an anxious frown",)),
    "contempt": (("contemptuous", "scornful"), ("a sneer",)),
    "cute": (("cute", "sweet"), ("a cute face",)),
    "cyclops": (("one eyed",), ("one big eye", "a single eye")),
    "driven": (("determined", "driven"), ("a determined look",)),
    "eatingHappy": (("eating", "chewing"), ("full cheeks", "a full mouth")),
    "explaining": (("explaining", "talking", "speaking"), ("a talking mouth",)),
    "eyesClosed": (("dozing", "sleepy"), ("half closed eyes",)),
    "fear": (("frightened", "scared", "afraid"), ("a scared face",)),
    "hectic": (("hectic", "stressed", "frantic"), ("gritted teeth",)),
    "lovingGrin1": (("loving", "adoring"), ("heart eyes",)),
    "lovingGrin2": (("smitten", "infatuated"), ("heart eyes and a toothy grin",)),
    "monster": (("monstrous",), ("three eyes and fangs", "many eyes")),
    "old": (("old", "elderly", "aged"), ("wrinkles", "an old face")),
    "rage": (("raging", "furious", "shouting"), ("a furious shout",)),
    "serious": (("serious", "stern"), ("a serious look",)),
    "smile": (("smiling", "happy"), ("a smile", "a gentle smile")),
    "smileBig": (("beaming", "grinning"), ("a big smile", "a broad smile")),
    "smileLOL": (("laughing",), ("tears of laughter", "a big laugh")),
    "smileTeethGap": (("gap toothed",), ("a gap toothed smile", "a gap between the teeth")),
    "solemn": (("solemn", "sad", "unhappy"), ("a sad face",)),
    "suspicious": (("suspicious", "skeptical"), ("a suspicious look",)),
    "tired": (("tired", "exhausted", "weary"), ("tired eyes",)),
    "veryAngry": (("angry", "mad"), ("an angry face", "an angry scowl")),
}

HEADS: Phrases = {
    "afro": ("an afro", "a round afro"),
    "bangs": ("a layered cut with bangs", "layered hair with a fringe"),
    "bangs2": ("a blunt bob", "a pageboy cut"),
    "bantuKnots": ("bantu knots", "little knots"),
    "bear": ("a bear head", "a bear costume"),
    "bun": ("a hair bow", "a ribbon bow"),
    "bun2": ("a messy ponytail", "a loose ponytail"),
    "buns": ("several buns", "four buns"),
    "cornrows": ("cornrows", "long cornrows"),
    "cornrows2": ("a braided ponytail", "tied back braids"),
    "dreads1": ("dreadlocks", "dreads"),
    "dreads2": ("short dreadlocks", "short dreads"),
    "flatTop": ("a flat top", "a flat haircut"),
    "flatTopLong": ("a high top", "a tall flat top"),
    "grayBun": ("a neat bun", "a chignon"),
    "grayMedium": ("a soft wavy bob", "a wavy bob"),
    "grayShort": ("a side parting", "neatly combed hair"),
    "hatBeanie": ("a beanie", "a woolly hat"),
    "hatHip": ("a fedora", "a brimmed hat"),
    "hijab": ("a hijab", "a headscarf"),
    "long": ("long hair", "long wavy hair"),
    "longAfro": ("a huge afro", "a giant afro"),
    "longBangs": ("long hair with bangs", "long hair with a fringe"),
    "longCurly": ("long curly hair", "long curls"),
    "medium1": ("a rounded bob", "a short bob"),
    "medium2": ("a flipped bob", "shoulder length hair flipped out"),
    "medium3": ("sleek hair", "hair tucked behind the ears"),
    "mediumBangs": ("side swept bangs", "a side swept fringe"),
    "mediumBangs2": ("wavy hair with curly bangs", "a wavy mullet"),
    "mediumBangs3": ("choppy bangs", "a choppy bob"),
    "mediumStraight": ("straight hair", "straight shoulder length hair"),
    "mohawk": ("a mohawk", "a plain mohawk"),
    "mohawk2": ("a spiky mohawk", "a mohawk of spikes"),
    "noHair1": ("a bald head", "no hair"),
    "noHair2": ("a few hairs", "almost no hair"),
    "noHair3": ("a balding head", "hair at the sides"),
    "pomp": ("a pompadour", "a quiff"),
    "shaved1": ("an undercut", "shaved sides"),
    "shaved2": ("a fade", "a fade haircut"),
    "shaved3": ("tousled hair", "wild hair"),
    "short1": ("a crew cut",),
    "short2": ("a buzz cut",),
    "short3": ("short hair", "a plain short haircut"),
    "short4": ("slicked back hair", "combed back hair"),
    "short5": ("ruffled short hair", "a scruffy short haircut"),
    "turban": ("a turban", "a wound turban"),
    "twists": ("twists", "short twists"),
    "twists2": ("tight twists", "a top of tight twists"),
}
CLOTH = ("hatBeanie", "turban")  # of one colour, which is that of the clothing
COLOURED = (  # with hair, or its rest, of a colour of its own
    "bangs cornrows grayBun grayMedium grayShort mediumBangs2 mohawk mohawk2 noHair3 short4".split()
)
WORN = ("bear", "hatBeanie", "hatHip", "hijab", "turban")  # worn, not grown

ACCESSORIES: Phrases = {
    "none": ("no glasses",),
    "eyepatch": ("an eyepatch", "an eye patch"),
    "glasses": ("glasses", "large glasses"),
    "glasses2": ("thin glasses", "wire glasses"),
    "glasses3": ("thick glasses", "black rimmed glasses"),
    "glasses4": ("white glasses", "white rimmed glasses"),
    "glasses5": ("round glasses", "small round glasses"),
    "sunglasses": ("sunglasses", "dark glasses"),
    "sunglasses2": ("pointed sunglasses", "winged sunglasses"),
}
SKINS: Phrases = {
    "pale": ("pale", "fair"),
    "light": ("light",),
    "tan": ("tan", "tanned"),
    "brown": ("brown",),
    "dark": ("dark",),
}
CLOTHING: Phrases = {
    "red": ("red",),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "aqua": ("aqua", "turquoise"),
    "blue": ("blue",),
    "pink": ("pink",),
}
GARMENTS = ("shirt", "top", "sweater")
BACKGROUNDS: Phrases = {
    "white": ("white",),
    "cream": ("cream", "beige"),
    "sky": ("sky blue", "light blue"),
    "mint": ("mint", "mint green"),
    "rose": ("rose", "light pink"),
    "lavender": ("lavender", "light purple"),
    "teal": ("teal",),
    "navy": ("navy", "navy blue"),
}
ATTRIBUTES: dict[str, Phrases] = {
    "head": HEADS,
    "face": {value: (*before, *after) for value, (before, after) in FACES.items()},
    "accessory": ACCESSORIES,
    "skin": SKINS,
    "clothing": CLOTHING,
    "background": BACKGROUNDS,
}

# Parts of pixel-art, thumbs and open-peeps, by the names under which they are recorded. Values
# without a phrase are not spoken of.
HAIR_COLOURS: Phrases = {  # open-peeps
    "2c1b18": ("black brown",),
    "e8e1e1": ("silver", "white"),
    "ecdcbf": ("platinum",),
    "d6b370": ("blond", "blonde"),
    "f59797": ("pink",),
    "b58143": ("golden brown",),
    "a55728": ("auburn",),
    "724133": ("brown",),
    "4a312c": ("dark brown",),
    "c93305": ("red",),
}
PIXEL_HAIR_COLOURS: Phrases = {
    "cab188": ("blond", "blonde"),
    "603a14": ("brown",),
    "83623b": ("light brown",),
    "a78961": ("dark blond", "dark blonde"),
    "611c17": ("dark red", "auburn"),
    "603015": ("chestnut",),
    "612616": ("reddish brown",),
    "28150a": ("black",),
    "009bbd": ("blue",),
    "bd1700": ("red",),
    "91cb15": ("green",),
}
PIXEL_HAT_COLOURS: Phrases = {
    "2e1e05": ("brown",),
    "2663a3": ("blue",),
    "989789": ("gray", "grey"),
    "3d8a6b": ("green",),
    "cc6192": ("pink",),
    "614f8a": ("purple",),
    "a62116": ("red",),
}
PIXEL_GLASSES_COLOURS: Phrases = {
    "43677d": ("blue",),
    "5f705c": ("green",),
    "a04b5d": ("red",),
}
THUMB_COLOURS: Phrases = {
    "0a5b83": ("dark blue",),
    "1c799f": ("blue",),
    "69d2e7": ("light blue",),
    "f1f4dc": ("ivory", "pale"),
    "f88c49": ("orange",),
}
THUMB_EYES: Phrases = {  # by the variant, before its width
    "variant1": ("heart eyes",),
    "variant2": ("closed eyes", "lowered eyes"),
    "variant3": ("squeezed eyes",),
    "variant4": ("laughing eyes",),
    "variant5": ("round eyes",),
    "variant6": ("tall eyes",),
    "variant7": ("narrow eyes",),
    "variant8": ("dot eyes",),
    "variant9": ("a wink", "a winking eye"),
}
THUMB_MOUTHS: Phrases = {
    "variant1": ("an open smile",),
    "variant2": ("a big grin", "a laughing mouth"),
    "variant3": ("a small smile", "a little smile"),
    "variant4": ("a wide smile",),
    "variant5": ("a kiss", "a kissing mouth"),
}

STYLES = (*NOUNS,)


def phrase_of(name: str, value: str) -> str:
    """The first of the phrases for a class or an attribute's value, without its article.

    Args:
        name: "class", or the attribute's name.
        value: Its value.

    Raises:
        KeyError: if there are no words for it.
    """
    said = (NOUNS if name == CLASS else ATTRIBUTES[name])[value][0]
    article, _, rest = said.partition(" ")
    noun = {"skin": " skin", "clothing": f" {GARMENTS[0]}", "background": " background"}
    return (rest if article in ("a", "an") else said) + noun.get(name, "")
