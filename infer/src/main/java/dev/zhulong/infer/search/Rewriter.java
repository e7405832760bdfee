package dev.zhulong.infer.search;

import dev.zhulong.model.EncoderDecoder;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * Text to text by an encoder–decoder: a translation, a summary, an answer.
 *
 * <pre>{@code
 * var rewriter = new Rewriter(Continuations.of(model), tokenizer, OptionalInt.empty(), SearchOptions.read(directory, model.spec().ids(), model.spec().longest(), model.spec().vocabSize()));
 * List<String> texts = rewriter.write(List.of("translate English to German: Good morning."));
 * }</pre>
 *
 * @param language the language of the sources in place of the one that the tokenizer puts around each text
 */
public record Rewriter(Continuations model, EncoderTokenizer tokenizer, OptionalInt language, SearchOptions options) {
    /** On libtorch. */
    public Rewriter(EncoderDecoder model, EncoderTokenizer tokenizer, OptionalInt language, SearchOptions options) {
        this(Continuations.of(model), tokenizer, language, options);
    }

    /** Beams of all texts that are written side by side. */
    private static final int TOGETHER = 64;

    /** The best text for each; texts of about one length are written side by side. */
    public List<String> write(List<String> texts) {
        List<int[]> sources = texts.stream().map(this::ids).toList();
        String[] written = new String[texts.size()];
        Integer[] order = new Integer[texts.size()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Integer.compare(sources.get(a).length, sources.get(b).length));
        int together = Math.max(1, TOGETHER / options.beams());
        for (int from = 0; from < order.length; from += together) {
            List<Integer> part = List.of(order).subList(from, Math.min(order.length, from + together));
            try (Continuation rows = model.begin(part.stream().map(sources::get).toList())) {
                List<int[]> ids = Search.run(rows, part.stream().map(any -> options).toList());
                for (int i = 0; i < part.size(); i++) {
                    written[part.get(i)] = tokenizer.tokenizer().decode(ids.get(i)).strip();
                }
            }
        }
        return List.of(written);
    }

    /** What the encoder reads: what goes past its last position is cut off. */
    public int[] ids(String text) {
        return ids(text, model.spec().longest());
    }

    /** The same of at most {@code max} tokens. */
    public int[] ids(String text, int max) {
        EncodedText encoded = tokenizer.encode(text, max);
        int[] ids = encoded.ids().clone();
        if (language.isPresent()) {
            ids[languageAt(encoded)] = language.getAsInt();
        }
        return ids;
    }

    /** Where the tokenizer says which language a text is in: the one special token that neither begins nor ends a text. */
    private int languageAt(EncodedText text) {
        List<Integer> at = new ArrayList<>();
        for (int i = 0; i < text.length(); i++) {
            int id = text.ids()[i];
            if (text.isSpecial(i) && !options.eos().contains(id) && id != model.spec().ids().bos() && id != options.pad()) {
                at.add(i);
            }
        }
        if (at.size() != 1) {
            throw new IllegalArgumentException("this model's tokenizer puts no language around a text: leave the source's language out");
        }
        return at.getFirst();
    }
}
