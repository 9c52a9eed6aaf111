"""
Titles and comments of random words, in the HTML that Hacker News would send.
"""

import random


WORDS = [
    "async", "database", "rust", "python", "kernel", "tiny", "browser", "compiler", "paper",
    "open", "source", "startup", "remote", "privacy", "terminal", "fast", "simple", "history",
    "of", "why", "how", "we", "built", "the", "new", "old", "lost", "art", "memory",
    "network", "game", "physics", "model", "protocol", "museum", "satellite", "font",
    "garden", "type", "system",
]  # fmt: skip

# The share of comments that have markup.
DRESSED_SHARE = 0.5

# Hacker News escapes these two as well.
APOSTROPHE, SLASH = "&#x27;", "&#x2F;"


def draw_words(chance: random.Random, fewest: int, most: int) -> list[str]:
    return chance.choices(WORDS, k=chance.randint(fewest, most))


def dress(words: list[str], chance: random.Random) -> str:
    """
    Return a comment's text: paragraphs, links, emphasis, code and entities, now and then.
    """
    if chance.random() >= DRESSED_SHARE:
        return " ".join(words)
    dressed = list(words)
    spots = chance.sample(range(len(words)), k=2)
    makers = chance.sample((contract, emphasize, link, compare, quote), k=2)
    for spot, make in zip(spots, makers, strict=True):
        dressed[spot] = make(dressed[spot])
    # Hacker News puts <p> between paragraphs, and no </p>.
    for spot in chance.sample(range(1, len(words)), k=chance.randint(0, 2)):
        dressed[spot] = f"<p>{dressed[spot]}"
    text = " ".join(dressed).replace(" <p>", "<p>")
    if chance.random() < 1 / 8:
        text += f"<p><pre><code>  if {words[0]} &lt; {words[-1]}:\n      return\n</code></pre>"
    return text


def contract(word: str) -> str:
    return f"{word}{APOSTROPHE}s"


def emphasize(word: str) -> str:
    return f"<i>{word}</i>"


def link(word: str) -> str:
    url = f"https:{SLASH}{SLASH}example.com{SLASH}{word}"
    return f'<a href="{url}" rel="nofollow">{url}</a>'


def compare(word: str) -> str:
    return f"{word} &amp; &quot;co&quot; -&gt; {word}"


def quote(word: str) -> str:
    return f"&gt; {word}"
