package dev.zhulong.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.formats.Reach;
import dev.zhulong.tensor.NoGrad;
import dev.zhulong.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** One layer, one token changed: whose states change is who sees it. */
class EncodersSeeAsFarAsTheyReachTest {
    private static final int SEQ = 40;

    private static EncoderSpec spec(String more) throws IOException {
        var config = (ObjectNode) new ObjectMapper().readTree(("{'vocab_size': 50, 'hidden_size': 16, 'num_hidden_layers': 1, 'num_attention_heads': 2, 'intermediate_size': 16,"
                + "'max_position_embeddings': 64, 'pad_token_id': 0, 'global_rope_theta': 10000, 'local_rope_theta': 10000" + more + "}").replace('\'', '"'));
        return (EncoderSpec) Families.find("modernbert").orElseThrow().read(new JsonFields(Path.of("config.json"), "", config));
    }

    private static float[] states(Encoder model, int[] ids) {
        try (var scope = TensorScope.open(); var off = NoGrad.open()) {
            return model.states(ids, null, null, 1).toFloats();
        }
    }

    private static int[] ids() {
        int[] ids = new int[SEQ];
        for (int i = 0; i < SEQ; i++) {
            ids[i] = 1 + i * 7 % 49;
        }
        return ids;
    }

    /** Positions whose states another token at {@code changed} changes. */
    private static Set<Integer> seenBy(EncoderSpec spec, int changed) {
        Set<Integer> seen = new TreeSet<>();
        try (Encoder model = Encoder.random(spec, 3)) {
            float[] before = states(model, ids());
            int[] other = ids();
            other[changed] = other[changed] == 9 ? 10 : 9;
            float[] after = states(model, other);
            for (int i = 0; i < before.length; i++) {
                if (before[i] != after[i]) {
                    seen.add(i / 16);
                }
            }
        }
        return seen;
    }

    private static Set<Integer> range(int from, int to) {
        Set<Integer> all = new TreeSet<>();
        for (int i = from; i < to; i++) {
            all.add(i);
        }
        return all;
    }

    @Test
    void allOfThemOrThoseInAWindowOrThoseAndTheFirst() throws IOException {
        EncoderSpec dense = spec("");
        assertThat(seenBy(dense, 20)).isEqualTo(range(0, SEQ));
        assertThat(seenBy(dense.withReach(new Reach.Window(8)), 20)).isEqualTo(range(16, 25));
        Set<Integer> nearOrFirst = range(16, 25);
        nearOrFirst.addAll(range(0, 3));
        assertThat(seenBy(dense.withReach(new Reach.Global(8, 3)), 20)).isEqualTo(nearOrFirst);
        assertThat(seenBy(dense.withReach(new Reach.Global(8, 3)), 2)).isEqualTo(range(0, SEQ));
        assertThat(seenBy(dense.withReach(new Reach.Block(8)), 20)).isEqualTo(range(16, 24));
    }

    @Test
    void aWindowIsTheFamilysOwn() throws IOException {
        try (Encoder ours = Encoder.random(spec("").withReach(new Reach.Window(8)), 3);
                Encoder own = Encoder.random(spec(",'layer_types': ['sliding_attention'], 'local_attention': 8"), 3)) {
            assertThat(states(ours, ids())).isEqualTo(states(own, ids()));
        }
    }
}
