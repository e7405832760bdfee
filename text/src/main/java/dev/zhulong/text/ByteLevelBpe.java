package dev.zhulong.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Encoder for byte-level BPE whose pre-tokenizer is one of {@link PreTokenizer}: the same ids as the tokenizers library, several times
 * faster, by a hand-written scanner and a cache of pre-tokens in front of the merges. Knows no added tokens. Safe for several threads.
 */
final class ByteLevelBpe {
    private static final int CACHE_SLOTS = 1 << 16;
    private static final int CACHED_BYTES = 48;

    private final PreTokenizer preTokenizer;
    private final boolean composes;
    private final int[] byteIds;
    private final PairMerges merges;
    private final Map<String, Integer> wholeTokens;
    private final ConcurrentLinkedQueue<Cache> caches = new ConcurrentLinkedQueue<>();

    private ByteLevelBpe(PreTokenizer preTokenizer, boolean composes, int[] byteIds, PairMerges merges, Map<String, Integer> wholeTokens) {
        this.preTokenizer = preTokenizer;
        this.composes = composes;
        this.byteIds = byteIds;
        this.merges = merges;
        this.wholeTokens = wholeTokens;
    }

    /** The encoder for {@code json}, a whole {@code tokenizer.json}; empty when that is not of the kind this class knows exactly. */
    static Optional<ByteLevelBpe> of(JsonNode json) {
        JsonNode model = json.path("model");
        Optional<PreTokenizer> preTokenizer = preTokenizer(json.path("pre_tokenizer"));
        JsonNode normalizer = json.path("normalizer");
        boolean composes = "NFC".equals(normalizer.path("type").asText());
        boolean plain = (model.path("type").asText("BPE").equals("BPE")) && model.path("vocab").isObject()
                && empty(model.path("dropout")) && empty(model.path("continuing_subword_prefix")) && empty(model.path("end_of_word_suffix"))
                && !model.path("byte_fallback").asBoolean(false) && (composes || empty(normalizer));
        if (!plain || preTokenizer.isEmpty()) {
            return Optional.empty();
        }
        Map<String, Integer> vocab = new HashMap<>();
        model.path("vocab").properties().forEach(e -> vocab.put(e.getKey(), e.getValue().intValue()));
        int[] byteIds = new int[256];
        for (int b = 0; b < 256; b++) {
            Integer id = vocab.get(ByteAlphabet.spell(new byte[] {(byte) b}));
            if (id == null) {
                return Optional.empty();
            }
            byteIds[b] = id;
        }
        PairTable merges = new PairTable(model.path("merges").size());
        int rank = 0;
        for (JsonNode merge : model.path("merges")) {
            String[] pair = merge.isArray() ? new String[] {merge.path(0).asText(), merge.path(1).asText()} : merge.asText().split(" ", -1);
            Integer left = pair.length == 2 ? vocab.get(pair[0]) : null;
            Integer right = pair.length == 2 ? vocab.get(pair[1]) : null;
            Integer merged = left == null || right == null ? null : vocab.get(pair[0] + pair[1]);
            if (merged == null) {
                return Optional.empty();
            }
            merges.put(left, right, rank++, merged);
        }
        json.path("added_tokens").forEach(token -> vocab.remove(token.path("content").asText()));
        boolean wholeFirst = model.path("ignore_merges").asBoolean(false);
        return Optional.of(new ByteLevelBpe(preTokenizer.get(), composes, byteIds, new PairMerges(merges), wholeFirst ? vocab : Map.of()));
    }

    private static boolean empty(JsonNode node) {
        return node.isMissingNode() || node.isNull() || node.isTextual() && node.textValue().isEmpty();
    }

    private static Optional<PreTokenizer> preTokenizer(JsonNode node) {
        if (byteLevel(node, true)) {
            return Optional.of(PreTokenizer.GPT2);
        }
        JsonNode steps = node.path("pretokenizers");
        JsonNode split = steps.path(0);
        boolean splits = "Sequence".equals(node.path("type").asText()) && steps.size() == 2 && "Split".equals(split.path("type").asText())
                && "Isolated".equals(split.path("behavior").asText()) && !split.path("invert").asBoolean(false);
        return splits && byteLevel(steps.path(1), false) ? PreTokenizer.of(split.path("pattern").path("Regex").asText()) : Optional.empty();
    }

    private static boolean byteLevel(JsonNode node, boolean useRegex) {
        return "ByteLevel".equals(node.path("type").asText()) && !node.path("add_prefix_space").asBoolean(true)
                && node.path("use_regex").asBoolean(true) == useRegex;
    }

    /**
     * False for text whose composition (NFC) would have to be computed: there the library's own Unicode tables decide. The ranges hold
     * nothing that composes, decomposes or is reordered.
     */
    boolean canEncode(String text) {
        if (composes) {
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c >= 0x300 && !(c >= 0x3400 && c <= 0x9FFF) && !(c >= 0x2010 && c <= 0x2027) && !(c >= 0x3001 && c <= 0x3029)
                        && !(c >= 0xFF01 && c <= 0xFF5E)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Ids of {@code text}, which has no lone surrogates. */
    int[] encode(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        Cache cache = caches.poll();
        if (cache == null) {
            cache = new Cache();
        }
        Ids out = new Ids(utf8.length / 3 + 8);
        for (int p = 0; p < utf8.length;) {
            int end = preTokenizer.end(utf8, p, utf8.length);
            append(utf8, p, end, cache, out);
            p = end;
        }
        caches.add(cache);
        return Arrays.copyOf(out.ids, out.n);
    }

    private void append(byte[] text, int from, int to, Cache cache, Ids out) {
        if (to - from == 1) {
            out.add(byteIds[text[from] & 0xFF]);
            return;
        }
        if (to - from > CACHED_BYTES) {
            out.add(merge(text, from, to));
            return;
        }
        int hash = 0;
        for (int i = from; i < to; i++) {
            hash = hash * 31 + text[i];
        }
        // One slot a pre-token, the latest wins: bounded, and frequent ones are soon back.
        int slot = (hash * 0x9E3779B9) >>> 32 - 16;
        byte[] key = cache.keys[slot];
        if (key == null || !Arrays.equals(key, 0, key.length, text, from, to)) {
            cache.keys[slot] = Arrays.copyOfRange(text, from, to);
            cache.values[slot] = merge(text, from, to);
        }
        out.add(cache.values[slot]);
    }

    private int[] merge(byte[] text, int from, int to) {
        if (!wholeTokens.isEmpty()) {
            Integer id = wholeTokens.get(ByteAlphabet.spell(Arrays.copyOfRange(text, from, to)));
            if (id != null) {
                return new int[] {id};
            }
        }
        int[] ids = new int[to - from];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = byteIds[text[from + i] & 0xFF];
        }
        return merges.merge(ids);
    }

    private static final class Cache {
        final byte[][] keys = new byte[CACHE_SLOTS][];
        final int[][] values = new int[CACHE_SLOTS][];
    }

    private static final class Ids {
        int[] ids;
        int n;

        Ids(int capacity) {
            ids = new int[capacity];
        }

        void add(int id) {
            if (n == ids.length) {
                ids = Arrays.copyOf(ids, n * 2);
            }
            ids[n++] = id;
        }

        void add(int[] more) {
            if (n + more.length > ids.length) {
                ids = Arrays.copyOf(ids, Math.max(ids.length * 2, n + more.length));
            }
            System.arraycopy(more, 0, ids, n, more.length);
            n += more.length;
        }
    }
}
