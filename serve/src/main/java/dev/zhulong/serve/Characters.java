package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** Places in a text as clients are told them: in characters (code points), not in UTF-16 units. */
final class Characters {
    private Characters() {}

    /** Adds where something begins and where the rest goes on after it. */
    static ObjectNode place(ObjectNode node, String text, int from, int to) {
        int start = text.codePointCount(0, from);
        return node.put("start", start).put("end", start + text.codePointCount(from, to));
    }
}
