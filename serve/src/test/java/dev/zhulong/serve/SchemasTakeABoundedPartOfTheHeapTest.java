package dev.zhulong.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.infer.constrain.Constraint;
import dev.zhulong.infer.constrain.TokenBytes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SchemasTakeABoundedPartOfTheHeapTest {
    private static final long MOST = 4 << 20;
    private static final Caller CALLER = new Caller(Instant.now().plusSeconds(600), () -> true);

    private int compiled;
    private final TokenBytes tokens = TokenBytes.of(new Bytes());
    private final Constraints constraints = new Constraints(schema -> {
        compiled++;
        return Constraint.jsonSchema(schema, tokens);
    }, MOST, 1);

    private static String large(int number) {
        return "{\"type\": \"array\", \"minItems\": " + (150 + number) + ", \"items\": {\"type\": \"array\", \"minItems\": 100, \"items\": {\"type\": \"integer\"}}}";
    }

    @Test
    void thoseUnusedLongestGoFirst() {
        for (int i = 0; i < 66; i++) {
            constraints.take(large(i), CALLER).close();
            constraints.take("{\"const\": 1}", CALLER).close();
            assertThat(constraints.bytes()).isPositive().isLessThanOrEqualTo(MOST);
        }
        assertThat(compiled).isEqualTo(67);
        constraints.take(large(65), CALLER).close();
        assertThat(compiled).isEqualTo(67);
        constraints.take(large(0), CALLER).close();
        assertThat(compiled).isEqualTo(68);
    }

    @Test
    void smallOnesAreCountedWithTheirText() {
        for (int i = 0; i < 100; i++) {
            constraints.take("{\"const\": 1, \"description\": \"" + i + "x".repeat(100_000) + "\"}", CALLER).close();
        }
        assertThat(constraints.bytes()).isBetween(MOST / 2, MOST);
    }

    @Test
    void thoseInUseAreKeptAndWhatDoesNotFitBesideThemIsRefusedForNow() {
        List<Constraints.Lease> used = new ArrayList<>();
        assertThatThrownBy(() -> {
            for (int i = 0; i < 66; i++) {
                used.add(constraints.take(large(i), CALLER));
            }
        }).isInstanceOfSatisfying(ApiException.class, e -> {
            assertThat(e.status()).isEqualTo(503);
            assertThat(e.retryAfter()).isPositive();
        });
        assertThat(constraints.bytes()).isLessThanOrEqualTo(MOST);
        int before = compiled;
        constraints.take(large(0), CALLER).close();
        assertThat(compiled).isEqualTo(before);
        used.forEach(Constraints.Lease::close);
        constraints.take(large(66), CALLER).close();
        assertThat(constraints.bytes()).isLessThanOrEqualTo(MOST);
    }

    @Test
    void whatIsCompiledTwiceAtOnceIsKeptOnce() throws Exception {
        var both = new CyclicBarrier(2);
        var atOnce = new Constraints(schema -> {
            try {
                both.await(20, TimeUnit.SECONDS);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
            return Constraint.jsonSchema(schema, tokens);
        }, MOST, 2);
        var first = CompletableFuture.supplyAsync(() -> atOnce.take(large(0), CALLER), task -> Thread.ofVirtual().start(task));
        Constraints.Lease second = atOnce.take(large(0), CALLER);
        assertThat(first.get(20, TimeUnit.SECONDS).constraint()).isSameAs(second.constraint());
        constraints.take(large(0), CALLER).close();
        assertThat(atOnce.bytes()).isEqualTo(constraints.bytes());
    }

    @Test
    void whatIsKeptOfTextsCountsWhenTheyHaveEnded() {
        try (Constraints.Lease lease = constraints.take("{\"type\": \"object\"}", CALLER)) {
            long before = constraints.bytes();
            var state = lease.constraint().start();
            for (int id : new Bytes().encode("{\"key\": [1, 2, {\"other\": \"text\"}]}")) {
                state.mask();
                state = state.after(id);
            }
            lease.close();
            assertThat(constraints.bytes()).isGreaterThan(before);
        }
    }
}
