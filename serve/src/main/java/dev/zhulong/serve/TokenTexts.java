package dev.zhulong.serve;

import dev.zhulong.infer.TokenLogProbs;
import dev.zhulong.text.StreamingDecoder;
import dev.zhulong.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/**
 * The log-probabilities of a choice's tokens, each told with the text it belongs to: a token comes when all characters it completes have been told, and
 * never where a stop string has cut them off.
 */
final class TokenTexts {
    /**
     * A token in words.
     *
     * @param text    its bytes as UTF-8, what is no character as U+FFFD; a control token's spelling
     * @param bytes   it stands for
     * @param logProb natural logarithm
     * @param top     the likeliest in its place
     */
    record TokenText(String text, byte[] bytes, double logProb, List<TokenText> top) {}

    /** A token and the place in the text where what it completes ends. */
    private record Pending(TokenLogProbs token, int from, int to) {}

    private final Tokenizer tokenizer;
    private final StreamingDecoder decoder;
    private final Deque<Pending> pending = new ArrayDeque<>();
    private int end;

    /** Of what is written after {@code prompt}. */
    TokenTexts(Tokenizer tokenizer, int[] prompt) {
        this.tokenizer = tokenizer;
        decoder = tokenizer.decoderAfter(prompt);
    }

    void add(List<TokenLogProbs> tokens) {
        for (TokenLogProbs token : tokens) {
            int from = end;
            end += decoder.next(token.chosen().id()).length();
            pending.add(new Pending(token, from, end));
        }
    }

    /** The tokens whose text has been told up to {@code settled} characters, those left out that {@code filter} has changed or would not let through. */
    List<TokenText> told(int settled, TextFilter filter) {
        List<TokenText> told = new ArrayList<>();
        while (!pending.isEmpty() && pending.peek().to <= settled) {
            Pending next = pending.poll();
            if (!filter.changed(next.from, next.to)) {
                List<TokenText> top = next.token.top().stream().map(entry -> text(entry, List.of())).filter(entry -> filter.allows(entry.text)).toList();
                told.add(text(next.token.chosen(), top));
            }
        }
        return told;
    }

    private TokenText text(TokenLogProbs.Entry entry, List<TokenText> top) {
        byte[] bytes = tokenizer.bytes(entry.id());
        String text = new String(bytes, StandardCharsets.UTF_8);
        if (bytes.length == 0 && tokenizer.isControl(entry.id())) {
            text = tokenizer.controlTokens().entrySet().stream().filter(token -> token.getValue() == entry.id()).map(Map.Entry::getKey).findFirst().orElse("");
            bytes = text.getBytes(StandardCharsets.UTF_8);
        }
        return new TokenText(text, bytes, entry.logProb(), top);
    }
}
