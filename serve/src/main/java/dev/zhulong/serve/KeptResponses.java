package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/** Responses that may be asked for again or gone on from, in this process: the latest, as many as a bounded part of the heap holds. */
final class KeptResponses {
    static final int MOST = 1000;
    /** Of all that are kept, as JSON. */
    private static final long MOST_CHARACTERS = 1 << 25;

    /**
     * One of them.
     *
     * @param tenant   whose it is
     * @param messages of the conversation so far, as a chat has them, its answer the last; without instructions
     * @param response as it was told
     */
    record Kept(String tenant, ArrayNode messages, ObjectNode response) {}

    private record Held(Kept kept, long characters) {}

    private final long most;
    private final Map<String, Held> held = new LinkedHashMap<>(16, 0.75f, true);
    private long characters;

    KeptResponses() {
        // two bytes a character, and a tree has several times its text
        this(Math.min(MOST_CHARACTERS, Runtime.getRuntime().maxMemory() / 256));
    }

    /** @param most characters that are kept at once */
    KeptResponses(long most) {
        this.most = most;
    }

    /** Keeps a response; one that alone is too large is not. */
    synchronized void put(String id, Kept kept) {
        long size = Json.text(kept.messages()).length() + (long) Json.text(kept.response()).length();
        if (size > most) {
            return;
        }
        held.put(id, new Held(kept, size));
        characters += size;
        Iterator<Held> oldest = held.values().iterator();
        while (held.size() > MOST || characters > most) {
            characters -= oldest.next().characters;
            oldest.remove();
        }
    }

    /** Null where it is not kept, or is another tenant's. */
    synchronized Kept get(String tenant, String id) {
        Held found = held.get(id);
        return found == null || !found.kept.tenant().equals(tenant) ? null : found.kept;
    }

    /** Forgets it; false where there was nothing to forget. */
    synchronized boolean remove(String tenant, String id) {
        if (get(tenant, id) == null) {
            return false;
        }
        characters -= held.remove(id).characters;
        return true;
    }
}
