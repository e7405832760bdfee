package dev.zhulong.infer.constrain;

import java.util.Arrays;

/**
 * The keys written so far in each open object of a JSON text, so that none is written twice: the one rule of an output that no automaton
 * with finitely many states keeps. Follows text that is known to be JSON. Immutable.
 */
final class ObjectKeys {
    /** Before any text. */
    static final ObjectKeys START = new ObjectKeys(Mode.BETWEEN, false, null, new byte[0]);

    private enum Mode { BETWEEN, KEY, KEY_ESCAPE, STRING, STRING_ESCAPE }

    private record Keys(byte[] key, Keys before) {}

    private record Open(boolean object, Keys keys, Open around) {}

    private final Mode mode;
    private final boolean keyNext;
    private final Open open;
    private final byte[] key;

    private ObjectKeys(Mode mode, boolean keyNext, Open open, byte[] key) {
        this.mode = mode;
        this.keyNext = keyNext;
        this.open = open;
        this.key = key;
    }

    /** The fewest quotes in a token that could write a key again. */
    int quotesToRepeat() {
        if (mode == Mode.KEY || mode == Mode.KEY_ESCAPE) {
            for (Keys each = open.keys; each != null; each = each.before) {
                if (each.key.length >= key.length && Arrays.equals(each.key, 0, key.length, key, 0, key.length)) {
                    return 1;
                }
            }
            return 3;
        }
        return mode == Mode.BETWEEN ? 2 : 3;
    }

    /** After more text; null if it writes a key again. */
    ObjectKeys after(byte[] bytes) {
        Mode now = mode;
        boolean next = keyNext;
        Open in = open;
        byte[] written = Arrays.copyOf(key, key.length + bytes.length);
        int length = key.length;
        for (byte b : bytes) {
            switch (now) {
                case BETWEEN -> {
                    switch (b) {
                        case '{' -> in = new Open(true, null, in);
                        case '[' -> in = new Open(false, null, in);
                        case '}', ']' -> in = in.around;
                        case '"' -> {
                            now = next ? Mode.KEY : Mode.STRING;
                            length = 0;
                        }
                        default -> { }
                    }
                    next = b == '{' || next && b != ':' && b != '}' && b != '[' || b == ',' && in.object;
                }
                case STRING -> now = b == '"' ? Mode.BETWEEN : b == '\\' ? Mode.STRING_ESCAPE : now;
                case STRING_ESCAPE -> now = Mode.STRING;
                case KEY, KEY_ESCAPE -> {
                    if (now == Mode.KEY && b == '"') {
                        byte[] whole = Arrays.copyOf(written, length);
                        for (Keys each = in.keys; each != null; each = each.before) {
                            if (Arrays.equals(each.key, whole)) {
                                return null;
                            }
                        }
                        in = new Open(true, new Keys(whole, in.keys), in.around);
                        length = 0;
                        now = Mode.BETWEEN;
                    } else {
                        written[length++] = b;
                        now = now == Mode.KEY && b == '\\' ? Mode.KEY_ESCAPE : Mode.KEY;
                    }
                }
            }
        }
        boolean within = now == Mode.KEY || now == Mode.KEY_ESCAPE;
        return new ObjectKeys(now, next, in, within ? Arrays.copyOf(written, length) : new byte[0]);
    }
}
