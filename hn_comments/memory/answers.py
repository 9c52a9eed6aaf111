"""
Keep the API's answers in a tree: new comments join it, known ones change, move or go.

The API is not one instant: a parent can list a comment seconds after the comment is there, and
an answer can be some seconds old. So for `YOUTH` seconds after it was first read a comment stays
where its own `parent` says, as long as its parent has not listed it. One that was listed and is
not any more is kept for `DOUBT`, in case that answer was older than the one before. Otherwise
the parent's list counts.
"""

from collections.abc import Iterable

from ..models import Item, State
from .newcomers import Newcomers
from .tree import Node, Tree


# Seconds for which a comment stays where its own `parent` says. Hacker News' answers are
# some seconds old at most; a cache between us and it rarely keeps them for longer.
YOUTH = 90.0

# Seconds for which a young comment is kept that its parent has listed, and does not list any more.
DOUBT = 10.0


def put(tree: Tree, item_id: int, item: Item | None, *, newcomers: Newcomers, now: float) -> None:
    """
    Keep the API's answer for a node, and let the newcomers below it join.
    """
    # The node may have been dropped while it was read.
    if item_id in tree.nodes:
        _keep(tree, item_id, item, now)
        for gone in tree.reading.dropped:
            newcomers.discard(gone)
        _join_newcomers(tree, item_id, newcomers, now)


def join(tree: Tree, comment: Item, *, newcomers: Newcomers, now: float) -> bool:
    """
    Add a new comment where its own `parent` says; return whether that is in this tree.

    Adding one twice is harmless, and so is one that its parent already lists.
    """
    joined = _join(tree, comment, now)
    if joined:
        _join_newcomers(tree, comment.id, newcomers, now)
    return joined


def _join_newcomers(tree: Tree, item_id: int, newcomers: Newcomers, now: float) -> None:
    pending = [item_id]
    while pending:
        for comment in newcomers.below(pending.pop()):
            if _join(tree, comment, now):
                pending.append(comment.id)
                if newcomers.is_stale(comment.id):
                    tree.mark_stale(comment.id)


def _join(tree: Tree, comment: Item, now: float) -> bool:
    parent_id = comment.parent or 0
    parent = tree.nodes.get(parent_id)
    # A walk that has not come to the parent yet will find both.
    if parent is None or parent.state is State.UNREAD or tree.is_full:
        return False
    if parent.state is State.MISSING:
        # The parent has a reply, so it is there: ask for it at once.
        tree.mark_stale(parent_id)
        return False
    node = tree.nodes.get(comment.id)
    if node is None and comment.id not in tree.reading.dropped:
        _add(tree, comment.id, parent_id, now)
    elif node is None or node.is_readable:
        return False  # Its youth has just ended without being listed; or it is known already.
    if tree.known:
        # The post has another `descendants` now.
        tree.mark_stale(tree.post_id)
    _keep(tree, comment.id, comment, now)
    return True


def _add(tree: Tree, comment_id: int, parent_id: int, now: float) -> None:
    """
    Add a node that its parent does not list yet, and have the parent read again.
    """
    tree.nodes[comment_id] = Node(parent=parent_id)
    tree.nodes[parent_id].kids += (comment_id,)
    tree.unlisted[comment_id] = now + YOUTH
    tree.mark_stale(parent_id)


def _keep(tree: Tree, item_id: int, item: Item | None, now: float) -> None:
    """
    Let a node be what the API answered.
    """
    node = tree.nodes[item_id]
    tree.reading.read.add(item_id)
    node.stale = False
    if item is None and node.parent not in tree.reading.read:
        # It may have been taken out, or moved where it cannot be read: its parent's list tells.
        tree.mark_stale(node.parent)
    if item is None and is_young(node, now):
        return  # The answer is old: the comment was there already.
    if item is not None:
        _look_for_move(tree, node, item)
        _note_facts(tree, node, item, now)
    state, kids = node.state, node.kids
    tree.forget_totals(item_id)
    node.state = item.state if item else State.MISSING
    _list_kids(tree, item_id, item.kids if item else (), now)
    tree.settle(item_id)
    if state is not node.state or {*kids} != {*node.kids}:
        tree.unsaved.add(item_id)
        if tree.known and item_id != tree.post_id:
            tree.reading.changed.add(item_id)


def _look_for_move(tree: Tree, node: Node, item: Item) -> None:
    """
    Have both parents of a comment read again if it seems to have moved: their lists tell.
    """
    if item.parent is None or item.parent == node.parent or not node.is_readable:
        return
    tree.mark_stale(node.parent)
    if item.parent in tree.nodes:
        tree.mark_stale(item.parent)
    else:
        tree.reading.gone_to.add(item.parent)


def _note_facts(tree: Tree, node: Node, item: Item, now: float) -> None:
    """
    Note who wrote a node and when, when it was first read, and what is told of it.
    """
    if tree.news_from is not None:
        tree.reading.items[item.id] = item
    # A deleted comment has lost its author; we need not forget who it was.
    node.by, node.created = item.by or node.by, item.time or node.created
    if not node.read_at:
        node.read_at = now
        if tree.news_from is not None and item.id > tree.news_from:
            tree.reading.arrivals[item.id] = item


def _list_kids(tree: Tree, item_id: int, listed: Iterable[int], now: float) -> None:
    """
    Let a node have the kids that it lists, and for a while those that it does not.
    """
    node = tree.nodes[item_id]
    kids: dict[int, None] = {}
    unfollowed = []
    for kid in listed:
        if kid not in kids and _claim(tree, kid, item_id):
            kids[kid] = None
        else:
            unfollowed.append(kid)
            if tree.is_full:
                break
    for kid in node.kids:
        if kid in kids:
            tree.unlisted.pop(kid, None)
            continue
        keep_until = min(now + DOUBT, tree.nodes[kid].read_at + YOUTH)
        if now < tree.unlisted.setdefault(kid, keep_until):
            kids[kid] = None
        else:
            _drop(tree, kid)
    node.kids, node.unfollowed = tuple(kids), tuple(unfollowed)


def _claim(tree: Tree, kid: int, parent_id: int) -> bool:
    """
    Make *kid* a reply to *parent_id*, unless it surely is a reply to another node.
    """
    node = tree.nodes.get(kid)
    if node is None:
        if tree.is_full:
            return False
        tree.nodes[kid] = Node(parent=parent_id)
        return True
    if node.parent == parent_id:
        return True
    # Of two answers in one poll the first is as good as the second; and no comment can be
    # a reply to one below it.
    claimed = node.parent in tree.reading.read and kid not in tree.unlisted
    if claimed or _is_above(tree, kid, parent_id):
        return False
    # It has moved, it seems. The node that had it is read again in this poll, which tells.
    other = tree.nodes[node.parent]
    other.kids = tuple(sibling for sibling in other.kids if sibling != kid)
    tree.mark_stale(node.parent)
    node.parent = parent_id
    tree.unlisted.pop(kid, None)
    tree.unsaved.add(kid)
    return True


def _is_above(tree: Tree, item_id: int, other_id: int) -> bool:
    while other_id and other_id != item_id:
        other_id = tree.nodes[other_id].parent
    return other_id == item_id


def is_young(node: Node, now: float) -> bool:
    """
    Return whether a node was first read less than `YOUTH` ago.
    """
    return node.is_readable and now - node.read_at < YOUTH


def _drop(tree: Tree, item_id: int) -> None:
    """
    Forget a node and all below it.
    """
    for gone in (item_id, *tree.below(item_id)):
        del tree.nodes[gone]
        tree.unlisted.pop(gone, None)
        tree.reading.dropped.add(gone)
        tree.unsaved.add(gone)
