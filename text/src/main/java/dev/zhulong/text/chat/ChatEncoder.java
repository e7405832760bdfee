package dev.zhulong.text.chat;

import dev.zhulong.text.Tokenizer;
import dev.zhulong.text.chat.TurnFinder.Turn;
import dev.zhulong.text.chat.jinja.Text;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Conversations to token ids: the same object for training, evaluation, chat and serving.
 *
 * <p>A mark is a token where the template wrote it ({@link MarkFinder}): {@code <|im_end|>} inside a message stays text. BOS stands at the
 * beginning once, whether the template, the tokenizer or both would put it there. Text and template are tokenised as one.
 */
public final class ChatEncoder {
    private final ChatTemplate template;
    private final Tokenizer tokenizer;
    private final MarkFinder marks;
    private final TurnFinder turns;

    public ChatEncoder(ChatTemplate template, Tokenizer tokenizer) {
        this.template = template;
        this.tokenizer = tokenizer;
        marks = new MarkFinder(tokenizer);
        turns = new TurnFinder(template, marks);
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
        int[] ids = tokenizer.encode(text.toString(), marks.in(text));
        if (tokenizer.addsBos() && tokenizer.bos().isPresent() && (ids.length == 0 || ids[0] != tokenizer.bos().getAsInt())) {
            int[] with = new int[ids.length + 1];
            with[0] = tokenizer.bos().getAsInt();
            System.arraycopy(ids, 0, with, 1, ids.length);
            return with;
        }
        return ids;
    }

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
        List<List<Turn>> taught = new ArrayList<>();
        List<Message> messages = conversation.messages();
        for (int i = messages.size() - 1; i >= 0; i--) {
            if (messages.get(i).role() != Role.ASSISTANT) {
                continue;
            }
            Text upTo = i == messages.size() - 1 ? whole : template.render(new Conversation(messages.subList(0, i + 1), conversation.tools()), false);
            TurnFinder.Said said = turns.find(new Conversation(messages.subList(0, i), conversation.tools()), upTo);
            String shown = said.text().toString().substring(0, said.turn().to());
            int fits = 0;
            while (fits < texts.size() && !texts.get(fits).toString().startsWith(shown)) {
                fits++;
            }
            if (fits == texts.size()) {
                texts.add(said.text());
                taught.add(new ArrayList<>());
            }
            taught.get(fits).add(said.turn());
        }
        List<SupervisedTokens> sequences = new ArrayList<>();
        for (int i = texts.size() - 1; i >= 0; i--) {
            sequences.add(supervised(texts.get(i), taught.get(i)));
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

    private SupervisedTokens supervised(Text text, List<Turn> turns) {
        int[] ids = ids(text);
        int[] starts = new int[ids.length + 1];
        for (int i = 0; i < ids.length; i++) {
            starts[i + 1] = starts[i] + size(ids[i]);
        }
        boolean[] learnt = new boolean[ids.length];
        for (Turn turn : turns) {
            // lengths of both encodings count the same space at the front, where a tokenizer puts one
            int from = size(ids(text.slice(0, turn.from())));
            int to = size(ids(text.slice(0, turn.to())));
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
                    if (tokenizer.isControl(tokens.ids()[i]) || tokenizer.marks().containsValue(tokens.ids()[i])) {
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
