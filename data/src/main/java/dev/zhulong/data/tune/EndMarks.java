package dev.zhulong.data.tune;

import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.SupervisedTokens;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * The control tokens that a model learns to end its answers with: those that the learnt stretches of its training data end with. Whoever
 * generates with the model has to stop at them, whether the model's EOS is among them or not.
 */
public final class EndMarks {
    private static final Pattern MARK = Pattern.compile("<[^\\s<>]+>|\\[[^\\s\\[\\]]+]");

    private final Tokenizer tokenizer;
    private final int seq;
    private final SortedSet<Integer> ids = new TreeSet<>();

    /** For what {@code encoder} makes. */
    public EndMarks(ExampleEncoder encoder) {
        this.tokenizer = encoder.tokenizer();
        this.seq = encoder.seq();
    }

    /** Adds those of sequences. */
    public void add(TuneTokens tokens) {
        tokens.documents().forEach(document -> add(document.tokens(), document.truncated()));
    }

    /** Adds those of preference pairs, better and worse answers alike. */
    public void add(List<PreferenceTokens> pairs) {
        for (PreferenceTokens pair : pairs) {
            add(pair.chosenSequence(), pair.truncated());
            add(pair.rejectedSequence(), pair.truncated());
        }
    }

    /** The marks so far. */
    public SortedSet<Integer> ids() {
        return Collections.unmodifiableSortedSet(ids);
    }

    private void add(SupervisedTokens tokens, boolean truncated) {
        boolean[] learnt = tokens.supervised();
        // what was cut off at the longest length has lost its end
        int whole = truncated && learnt.length > seq ? learnt.length - 1 : learnt.length;
        for (int i = 0; i < whole; i++) {
            if (learnt[i] && (i + 1 == learnt.length || !learnt[i + 1])) {
                addEnd(tokens, i);
            }
        }
    }

    /** A template may put white space behind its mark. */
    private void addEnd(SupervisedTokens tokens, int last) {
        for (int i = last; i > 0 && tokens.supervised()[i]; i--) {
            int id = tokens.ids()[i];
            if (isMark(tokenizer, id)) {
                ids.add(id);
                return;
            }
            for (byte b : tokenizer.bytes(id)) {
                if (!Character.isWhitespace(b)) {
                    return;
                }
            }
        }
    }

    /** Whether a token is a control token, or one that the tokenizer's file forgot to call special: it is spelt like one, and no text is ever encoded to it. */
    static boolean isMark(Tokenizer tokenizer, int id) {
        if (tokenizer.isControl(id)) {
            return true;
        }
        String text = new String(tokenizer.bytes(id), StandardCharsets.UTF_8);
        return MARK.matcher(text).matches() && Arrays.stream(tokenizer.encode(text)).noneMatch(own -> own == id);
    }
}
