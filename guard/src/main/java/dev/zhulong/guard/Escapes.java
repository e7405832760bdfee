package dev.zhulong.guard;

/**
 * Reads the escapes of JSON strings (RFC 8259, section 7) as what they spell, while text comes. Strings of JSON inside strings of JSON double each backslash:
 * so any number of them before a letter is one escape.
 */
final class Escapes {
    /** Takes characters as they are spelled. */
    interface Reader {
        /** @param units of the text that spell it */
        void read(char c, int units);
    }

    private static final int HEX_DIGITS = 4;

    private final Reader reader;
    /** Backslashes that have come and are not read. */
    private int slashes;
    /** The {@code u} behind them and its digits. */
    private final StringBuilder hex = new StringBuilder();

    Escapes(Reader reader) {
        this.reader = reader;
    }

    void add(char c) {
        if (!hex.isEmpty() && Character.digit(c, 16) >= 0 && c < 128) {
            hex.append(c);
            if (hex.length() > HEX_DIGITS) {
                spelled((char) Integer.parseInt(hex, 1, hex.length(), 16), slashes + hex.length());
            }
        } else if (hex.isEmpty() && c == '\\') {
            slashes++;
        } else if (hex.isEmpty() && slashes > 0 && c == 'u') {
            hex.append(c);
        } else if (hex.isEmpty() && slashes > 0 && "\"/bfnrt".indexOf(c) >= 0) {
            spelled(switch (c) {
                case 'b' -> '\b';
                case 'f' -> '\f';
                case 'n' -> '\n';
                case 'r' -> '\r';
                case 't' -> '\t';
                default -> c;
            }, slashes + 1);
        } else {
            finish();
            if (c == '\\') {
                slashes = 1;
            } else {
                reader.read(c, 1);
            }
        }
    }

    private void spelled(char c, int units) {
        slashes = 0;
        hex.setLength(0);
        reader.read(c, units);
    }

    /** What has come is no escape. */
    void finish() {
        if (slashes > 0) {
            reader.read('\\', slashes);
        }
        for (int i = 0; i < hex.length(); i++) {
            reader.read(hex.charAt(i), 1);
        }
        slashes = 0;
        hex.setLength(0);
    }
}
