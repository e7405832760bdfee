package dev.zhulong.text.chat;

import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.jinja.Text;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Conversations to token ids: the same object for training, evaluation, chat and serving.
 *
 * <p>A control token is one only where the template wrote it: {@code <|im_end|>} inside a message stays text. BOS stands at the beginning
 * once, whether the template, the tokenizer or both would put it there. Text and template are tokenised as one.
 */
public final class ChatEncoder {
    private final ChatTemplate template;
    private final Tokenizer tokenizer;
    private final Map<String, Integer> controlIds;
    private final Pattern controls;

    public ChatEncoder(ChatTemplate template, Tokenizer tokenizer) {
        this.template = template;
        this.tokenizer = tokenizer;
        this.controlIds = tokenizer.controlTokens();
        this.controls = controlIds.isEmpty() ? null : Pattern.compile(controlIds.keySet().stream().filter(spelling -> !spelling.isEmpty())
                .sorted(Comparator.comparingInt(String::length).reversed().thenComparing(Comparator.naturalOrder())).map(Pattern::quote)
                .collect(Collectors.joining("|")));
    }

    public ChatTemplate template() {
        return template;
    }

    /** What the model is given before it speaks next. */
    public int[] prompt(Conversation conversation) {
        return ids(template.render(conversation, true));
    }

    /** Ids of a rendered conversation. */
    int[] ids(Text text) {
        int[] ids = encode(text);
        if (tokenizer.addsBos() && tokenizer.bos().isPresent() && (ids.length == 0 || ids[0] != tokenizer.bos().getAsInt())) {
            int[] with = new int[ids.length + 1];
            with[0] = tokenizer.bos().getAsInt();
            System.arraycopy(ids, 0, with, 1, ids.length);
            return with;
        }
        return ids;
    }

    private int[] encode(Text text) {
        String chars = text.toString();
        if (controls == null) {
            return tokenizer.encode(chars);
        }
        List<int[]> pieces = new ArrayList<>();
        boolean disguised = false;
        int from = 0;
        Matcher matcher = controls.matcher(chars);
        for (int at = 0; matcher.find(at);) {
            if (!ofTemplate(text, matcher.start(), matcher.end())) {
                disguised = true;
                // another token may begin inside
                at = matcher.start() + 1;
                continue;
            }
            pieces.add(tokenizer.encode(chars.substring(from, matcher.start())));
            pieces.add(new int[] {controlIds.get(matcher.group())});
            from = matcher.end();
            at = from;
        }
        if (!disguised) {
            return tokenizer.encodeWithControl(chars);
        }
        pieces.add(tokenizer.encode(chars.substring(from)));
        return pieces.stream().flatMapToInt(Arrays::stream).toArray();
    }

    private static boolean ofTemplate(Text text, int from, int to) {
        for (int i = from; i < to; i++) {
            if ((text.mark(i) & Text.CONTENT) != 0) {
                return false;
            }
        }
        return true;
    }

    /** A turn of the assistant in a rendered text: where it begins and where its end mark ends. */
    private record Turn(int from, int to) {}

    /**
     * Sequences that teach every assistant's turn, from behind the opening that the model is given to the mark that ends the turn. One sequence
     * where the template shows earlier turns as it showed them when they were said; others besides where it does not (a template that takes out
     * earlier reasoning), so that each turn is learnt in the context it has when it is said.
     *
     * @throws IllegalArgumentException where the template refuses the conversation
     */
    public List<SupervisedTokens> supervise(Conversation conversation) {
        Text whole = template.render(conversation, false);
        if (hasGenerationBlocks(whole)) {
            return List.of(marked(whole));
        }
        List<Text> texts = new ArrayList<>();
        List<List<Turn>> turns = new ArrayList<>();
        List<Message> messages = conversation.messages();
        for (int i = messages.size() - 1; i >= 0; i--) {
            if (messages.get(i).role() != Role.ASSISTANT) {
                continue;
            }
            Text upTo = i == messages.size() - 1 ? whole : template.render(new Conversation(messages.subList(0, i + 1), conversation.tools()), false);
            Turn turn = turn(new Conversation(messages.subList(0, i), conversation.tools()), upTo);
            int fits = 0;
            while (fits < texts.size() && !texts.get(fits).toString().startsWith(upTo.toString().substring(0, turn.to))) {
                fits++;
            }
            if (fits == texts.size()) {
                texts.add(upTo);
                turns.add(new ArrayList<>());
            }
            turns.get(fits).add(turn);
        }
        List<SupervisedTokens> sequences = new ArrayList<>();
        for (int i = texts.size() - 1; i >= 0; i--) {
            sequences.add(supervised(texts.get(i), turns.get(i)));
        }
        return sequences;
    }

    private static boolean hasGenerationBlocks(Text text) {
        for (int i = 0; i < text.units(); i++) {
            if ((text.mark(i) & Text.GENERATED) != 0) {
                return true;
            }
        }
        return false;
    }

    private SupervisedTokens marked(Text text) {
        List<Turn> turns = new ArrayList<>();
        for (int i = 0; i < text.units(); i++) {
            if ((text.mark(i) & Text.GENERATED) != 0) {
                int end = i;
                while (end < text.units() && (text.mark(end) & Text.GENERATED) != 0) {
                    end++;
                }
                turns.add(new Turn(i, end));
                i = end;
            }
        }
        return supervised(text, turns);
    }

    private Turn turn(Conversation before, Text upTo) {
        String chars = upTo.toString();
        String opening = template.render(before, true).toString();
        int from = opening.length();
        if (!chars.startsWith(opening)) {
            // an opening that says more than the turn will show (an empty thought, for one): what both say is the opening
            String plain = template.render(before, false).toString();
            from = 0;
            while (from < Math.min(opening.length(), chars.length()) && opening.charAt(from) == chars.charAt(from)) {
                from++;
            }
            if (from <= plain.length() || !chars.startsWith(plain)) {
                throw new IllegalArgumentException("the chat template shows an assistant's turn otherwise than its opening announces it");
            }
        }
        return new Turn(from, end(upTo, from));
    }

    /** Behind the template's last control token of the turn, or else its last visible character. */
    private int end(Text text, int from) {
        String chars = text.toString();
        int end = chars.length();
        if (controls != null) {
            int last = -1;
            Matcher matcher = controls.matcher(chars);
            for (int at = from; matcher.find(at);) {
                boolean own = ofTemplate(text, matcher.start(), matcher.end());
                last = own ? matcher.end() : last;
                at = own ? matcher.end() : matcher.start() + 1;
            }
            if (last >= 0 && chars.substring(last).isBlank()) {
                return last;
            }
        }
        while (end > from && Character.isWhitespace(chars.charAt(end - 1)) && (text.mark(end - 1) & Text.CONTENT) == 0) {
            end--;
        }
        return end;
    }

    private SupervisedTokens supervised(Text text, List<Turn> turns) {
        int[] ids = ids(text);
        int[] starts = new int[ids.length + 1];
        for (int i = 0; i < ids.length; i++) {
            starts[i + 1] = starts[i] + size(ids[i]);
        }
        boolean[] learnt = new boolean[ids.length];
        for (Turn turn : turns) {
            // lengths of both encodings count the same space at the front, where a tokenizer puts one
            int from = size(ids(text.slice(0, turn.from)));
            int to = size(ids(text.slice(0, turn.to)));
            for (int i = 1; i < ids.length; i++) {
                learnt[i] |= starts[i] >= from && starts[i] < to;
            }
        }
        return new SupervisedTokens(ids, learnt);
    }

    private int size(int[] ids) {
        return Arrays.stream(ids).map(this::size).sum();
    }

    /** What an id adds to the text; a control token counts one, so that it has a place. */
    private int size(int id) {
        return tokenizer.isControl(id) ? 1 : tokenizer.bytes(id).length;
    }

    /** Ids that end an assistant's turn: what the template puts behind an answer, and EOS. */
    public Set<Integer> endOfTurn() {
        Set<Integer> ends = new TreeSet<>();
        tokenizer.eos().ifPresent(ends::add);
        try {
            SupervisedTokens tokens = supervise(Conversation.of(Message.user("a"), Message.assistant("b"))).getLast();
            for (int i = tokens.ids().length - 1; i > 0; i--) {
                if (tokens.supervised()[i]) {
                    if (tokenizer.isControl(tokens.ids()[i])) {
                        ends.add(tokens.ids()[i]);
                    }
                    break;
                }
            }
        } catch (IllegalArgumentException e) {
            // a template that refuses even this; its model stops at EOS
        }
        return ends;
    }
}
