package dev.zhulong.edge;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * The tokenizer in a GGUF file's keys: SentencePiece's BPE ({@code tokenizer.ggml.model} is {@code llama}) or byte-level BPE ({@code gpt2}) cut as GPT-2's, Llama 3's or Qwen2's.
 * Its ids are those of Zhulong's own.
 */
public final class EdgeTokenizer {
    private static final String HEX = "0123456789ABCDEF";
    private static final char SPACE = '\u2581';
    private static final int NORMAL = 1;
    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int BYTE = 6;
    /** Tokens that end what a model says, where they are control tokens. */
    private static final List<String> TURN_ENDS = Arrays.asList("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>");

    private final String[] tokens;
    private final int[] types;
    /** Pieces of text, and of byte-level BPE the whole vocabulary. */
    private final Map<String, Integer> ids = new HashMap<String, Integer>();
    /** Ids of what stands for the 256 bytes. */
    private final int[] bytes = new int[256];
    /** Null of byte-level BPE. */
    private final double[] scores;
    private final boolean spacePrefix;
    /** Null of SentencePiece's: how text is cut, and each pair's rank and what it makes. */
    private final EdgeWords words;
    private final Map<Long, int[]> merges = new HashMap<Long, int[]>();
    private final boolean composes;
    private final int bos;
    private final int eos;
    private final boolean addsBos;
    private final boolean[] ends;
    /** What is recognised before text is cut, the longest first: in all texts, and in templates. */
    private final List<Integer> inText = new ArrayList<Integer>();
    private final List<Integer> inTemplates = new ArrayList<Integer>();

    EdgeTokenizer(GgufReader file) {
        tokens = file.texts("tokenizer.ggml.tokens");
        types = new int[tokens.length];
        Arrays.fill(types, NORMAL);
        if (file.has("tokenizer.ggml.token_type")) {
            double[] given = file.numbers("tokenizer.ggml.token_type", tokens.length);
            for (int id = 0; id < types.length; id++) {
                types[id] = (int) given[id];
            }
        }
        String model = file.text("tokenizer.ggml.model");
        boolean pieces = model.equals("llama");
        if (!pieces && !model.equals("gpt2") || tokens.length == 0) {
            throw GgufReader.wrong("its tokenizer is " + model + " of " + tokens.length + " tokens, expected llama (SentencePiece's BPE) or gpt2 (byte-level BPE)");
        }
        Map<String, Integer> all = new HashMap<String, Integer>();
        for (int id = 0; id < tokens.length; id++) {
            if (all.put(tokens[id], id) != null) {
                throw GgufReader.wrong("token " + id + " is spelled as another one");
            }
            if (!pieces || types[id] <= NORMAL) {
                ids.put(tokens[id], id);
            }
            if (types[id] >= UNKNOWN && types[id] <= USER_DEFINED && !tokens[id].isEmpty()) {
                inTemplates.add(id);
                if (types[id] == USER_DEFINED && !isMark(tokens[id])) {
                    inText.add(id);
                }
            }
        }
        longestFirst(inText);
        longestFirst(inTemplates);
        bos = file.integer("tokenizer.ggml.bos_token_id", 0, tokens.length - 1, pieces && tokens.length > 1 ? 1 : -1);
        eos = file.integer("tokenizer.ggml.eos_token_id", 0, tokens.length - 1, pieces && tokens.length > 2 ? 2 : -1);
        ends = ends(file, all);
        if (pieces) {
            scores = file.numbers("tokenizer.ggml.scores", tokens.length);
            spacePrefix = file.flag("tokenizer.ggml.add_space_prefix", true);
            words = null;
            composes = false;
            addsBos = bos >= 0 && file.flag("tokenizer.ggml.add_bos_token", true);
            int unknown = file.integer("tokenizer.ggml.unknown_token_id", 0, tokens.length - 1, 0);
            for (int b = 0; b < 256; b++) {
                Integer id = all.get("<0x" + HEX.charAt(b >> 4) + HEX.charAt(b & 15) + ">");
                bytes[b] = id == null ? unknown : id;
            }
            return;
        }
        scores = null;
        spacePrefix = false;
        String pre = file.text("tokenizer.ggml.pre");
        words = EdgeWords.named(pre);
        if (words == null) {
            throw GgufReader.wrong("its text is cut as " + pre + ", expected one of " + EdgeWords.names());
        }
        composes = words.composes();
        addsBos = bos >= 0 && file.flag("tokenizer.ggml.add_bos_token", words.addsBos());
        for (int b = 0; b < 256; b++) {
            Integer id = all.get(String.valueOf(EdgeWords.spelled(b)));
            if (id == null) {
                throw GgufReader.wrong("no token stands for the byte " + b);
            }
            bytes[b] = id;
        }
        merges(file.texts("tokenizer.ggml.merges"));
        for (int id : inTemplates) {
            ids.remove(tokens[id]);
        }
    }

    private void merges(String[] list) {
        for (int rank = 0; rank < list.length; rank++) {
            int space = list[rank].indexOf(' ', 1);
            Integer left = space < 0 ? null : ids.get(list[rank].substring(0, space));
            Integer right = space < 0 ? null : ids.get(list[rank].substring(space + 1));
            Integer made = left == null || right == null ? null : ids.get(tokens[left] + tokens[right]);
            if (made == null) {
                throw GgufReader.wrong("merge " + rank + " is not two tokens that make a third");
            }
            Long pair = pair(left, right);
            if (!merges.containsKey(pair)) {
                merges.put(pair, new int[] {rank, made});
            }
        }
    }

    private static Long pair(int left, int right) {
        return (long) left << 32 | right;
    }

    private static boolean isMark(String text) {
        return text.length() > 2 && (text.startsWith("<") && text.endsWith(">") || text.startsWith("[") && text.endsWith("]"));
    }

    private void longestFirst(List<Integer> list) {
        // numbers of one kind sort in less code than objects do
        long[] sorted = new long[list.size()];
        for (int i = 0; i < sorted.length; i++) {
            sorted[i] = (long) -tokens[list.get(i)].length() << 32 | list.get(i);
        }
        Arrays.sort(sorted);
        for (int i = 0; i < sorted.length; i++) {
            list.set(i, (int) sorted[i]);
        }
    }

    private boolean[] ends(GgufReader file, Map<String, Integer> all) {
        boolean[] found = new boolean[tokens.length];
        for (String key : new String[] {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
            int id = file.integer(key, 0, tokens.length - 1, -1);
            if (id >= 0) {
                found[id] = true;
            }
        }
        if (eos >= 0) {
            found[eos] = true;
        }
        for (String end : TURN_ENDS) {
            Integer id = all.get(end);
            if (id != null && types[id] == CONTROL) {
                found[id] = true;
            }
        }
        return found;
    }

    /** Tokens of the vocabulary. */
    public int size() {
        return tokens.length;
    }

    /** Whether text is to be brought into Unicode's NFC before it is encoded ({@code java.text.Normalizer}; {@code normalize()} in a page). */
    public boolean composes() {
        return composes;
    }

    /** Whether a token ends a sequence. */
    public boolean ends(int token) {
        return ends[token];
    }

    /** Ids of plain text, with what begins a sequence of this model; of no text at all BOS, or EOS where there is none. */
    public int[] sequence(String text) {
        int[] encoded = encode(text);
        if (encoded.length == 0) {
            if (bos < 0 && eos < 0) {
                throw new IllegalArgumentException("an empty prompt needs a token that begins sequences, and this model names none: give a prompt");
            }
            return new int[] {bos >= 0 ? bos : eos};
        }
        if (!addsBos || encoded[0] == bos) {
            return encoded;
        }
        int[] begun = new int[encoded.length + 1];
        begun[0] = bos;
        System.arraycopy(encoded, 0, begun, 1, encoded.length);
        return begun;
    }

    /** Ids of a text, in which control tokens are plain text. */
    public int[] encode(String text) {
        return encode(text, inText);
    }

    /** Ids of a text in which control tokens such as {@code <|im_start|>} are recognised: one that a chat template made, not what a user wrote. */
    public int[] encodeWithControl(String text) {
        return encode(text, inTemplates);
    }

    private int[] encode(String text, List<Integer> known) {
        List<Integer> out = new ArrayList<Integer>();
        int from = 0;
        for (int i = 0; i < text.length() && !known.isEmpty(); ) {
            int found = -1;
            for (int id : known) {
                if (text.startsWith(tokens[id], i)) {
                    found = id;
                    break;
                }
            }
            if (found < 0) {
                i++;
                continue;
            }
            section(text.substring(from, i), out);
            out.add(found);
            i += tokens[found].length();
            from = i;
        }
        section(text.substring(from), out);
        int[] encoded = new int[out.size()];
        for (int i = 0; i < encoded.length; i++) {
            encoded[i] = out.get(i);
        }
        return encoded;
    }

    private void section(String text, List<Integer> out) {
        if (text.isEmpty()) {
            return;
        }
        String valid = withoutLoneSurrogates(text);
        if (words == null) {
            pieces(((spacePrefix ? " " : "") + valid).replace(' ', SPACE), out);
            return;
        }
        byte[] utf8 = EdgeUtf8.bytes(valid);
        for (int at = 0; at < utf8.length; ) {
            int end = words.end(utf8, at, utf8.length);
            word(utf8, at, end, out);
            at = end;
        }
    }

    private void word(byte[] text, int from, int to, List<Integer> out) {
        if (words.wholeFirst() && to - from > 1) {
            char[] spelled = new char[to - from];
            for (int i = from; i < to; i++) {
                spelled[i - from] = EdgeWords.spelled(text[i] & 0xff);
            }
            Integer whole = ids.get(new String(spelled));
            if (whole != null) {
                out.add(whole);
                return;
            }
        }
        int[] symbols = new int[to - from];
        for (int i = from; i < to; i++) {
            symbols[i - from] = bytes[text[i] & 0xff];
        }
        merge(symbols, out);
    }

    /** Characters that are no piece are numbers behind the ids until no more pieces join. */
    private void pieces(String text, List<Integer> out) {
        int[] symbols = new int[text.codePointCount(0, text.length())];
        int n = 0;
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            Integer id = ids.get(new String(Character.toChars(c)));
            symbols[n++] = id == null ? tokens.length + c : id;
        }
        merge(symbols, out);
    }

    /** Rank and result of two neighbours that join; null for others. */
    private int[] joined(int left, int right) {
        if (words != null) {
            return merges.get(pair(left, right));
        }
        Integer id = ids.get(spelling(left).concat(spelling(right)));
        return id == null ? null : new int[] {rank((float) scores[id]), id};
    }

    private String spelling(int symbol) {
        return symbol < tokens.length ? tokens[symbol] : new String(Character.toChars(symbol - tokens.length));
    }

    /** The highest score first, as integers. */
    private static int rank(float score) {
        int bits = Float.floatToIntBits(score + 0f);
        return ~(bits ^ bits >> 31 & 0x7fffffff);
    }

    /** Joins neighbours, the lowest rank first and of equal ranks the leftmost, until none join. */
    private void merge(int[] symbols, List<Integer> out) {
        int n = symbols.length;
        int[] next = new int[n];
        int[] previous = new int[n];
        PriorityQueue<Long> queue = new PriorityQueue<Long>();
        for (int i = 0; i < n; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
            if (i + 1 < n) {
                offer(queue, symbols, i, i + 1);
            }
        }
        while (!queue.isEmpty()) {
            long top = queue.poll();
            int at = (int) top;
            int right = symbols[at] < 0 ? n : next[at];
            int[] joined = right >= n ? null : joined(symbols[at], symbols[right]);
            // what stood there when the pair was noted may have joined others
            if (joined == null || joined[0] != (int) (top >>> 32)) {
                continue;
            }
            symbols[at] = joined[1];
            symbols[right] = -1;
            next[at] = next[right];
            if (next[at] < n) {
                previous[next[at]] = at;
                offer(queue, symbols, at, next[at]);
            }
            if (previous[at] >= 0) {
                offer(queue, symbols, previous[at], at);
            }
        }
        for (int symbol : symbols) {
            if (symbol >= tokens.length) {
                for (byte b : EdgeUtf8.bytes(spelling(symbol))) {
                    out.add(bytes[b & 0xff]);
                }
            } else if (symbol >= 0) {
                out.add(symbol);
            }
        }
    }

    private void offer(PriorityQueue<Long> queue, int[] symbols, int left, int right) {
        int[] joined = joined(symbols[left], symbols[right]);
        if (joined != null) {
            queue.add((long) joined[0] << 32 | left);
        }
    }

    private static String withoutLoneSurrogates(String text) {
        char[] chars = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean pair = Character.isHighSurrogate(c) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1));
            if (pair) {
                i++;
            } else if (Character.isSurrogate(c)) {
                chars = chars == null ? text.toCharArray() : chars;
                chars[i] = '\ufffd';
            }
        }
        return chars == null ? text : new String(chars);
    }

    /** What a token is in a text, in UTF-8; nothing of a control token. */
    public byte[] bytes(int token) {
        String text = tokens[token];
        if (types[token] == CONTROL || types[token] == UNKNOWN) {
            return new byte[0];
        }
        if (types[token] == BYTE && text.length() == 6) {
            return new byte[] {(byte) (HEX.indexOf(text.charAt(3)) << 4 | HEX.indexOf(text.charAt(4)))};
        }
        if (words == null) {
            return EdgeUtf8.bytes(text.replace(SPACE, ' '));
        }
        return types[token] == USER_DEFINED ? EdgeUtf8.bytes(text) : EdgeWords.bytes(text);
    }
}
