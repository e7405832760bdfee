package dev.zhulong.infer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.infer.LanguageModel.KvCache;
import dev.zhulong.infer.LanguageModel.Logits;
import dev.zhulong.infer.LanguageModel.Span;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What a {@link KvCache} owes those who hold one. What is computed with it is {@link LanguageModelContract}'s.
 *
 * @param <C> the cache
 */
public abstract class KvCacheContract<C extends KvCache> {
    private LanguageModel model;

    /** A model that knows the ids below 256. */
    protected abstract LanguageModel model();

    /** Of {@link #model}. */
    protected abstract C newCache(LanguageModel model, int capacity);

    @BeforeEach
    void open() {
        model = model();
    }

    @AfterEach
    void close() {
        if (model != null) {
            model.close();
        }
    }

    @Test
    protected void itBeginsEmptyWithTheCapacityAskedFor() {
        try (C cache = newCache(model, 37)) {
            assertThat(cache.length()).isZero();
            assertThat(cache.capacity()).isEqualTo(37);
        }
    }

    @Test
    protected void itIsFilledToTheLastToken() {
        try (C cache = newCache(model, 7)) {
            for (int length = 1; length <= 7; length++) {
                read(cache, 1);
                assertThat(cache.length()).isEqualTo(length);
            }
            assertThatThrownBy(() -> read(cache, 1)).isInstanceOf(IllegalArgumentException.class);
            assertThat(cache.length()).isEqualTo(7);
        }
    }

    @Test
    protected void whatWasCutIsRoomAgain() {
        try (C cache = newCache(model, 40)) {
            read(cache, 40);
            for (int length : new int[] {40, 33, 1, 0}) {
                cache.truncate(length);
                assertThat(cache.length()).isEqualTo(length);
                if (length < 40) {
                    read(cache, 40 - length);
                }
                assertThat(cache.length()).isEqualTo(40);
            }
        }
    }

    @Test
    protected void itIsNotCutToMoreThanItHolds() {
        try (C cache = newCache(model, 40)) {
            read(cache, 5);
            for (int length : new int[] {-1, 6, 40}) {
                assertThatThrownBy(() -> cache.truncate(length)).isInstanceOf(IllegalArgumentException.class);
                assertThat(cache.length()).isEqualTo(5);
            }
        }
    }

    @Test
    protected void oneWithoutRoomIsRefused() {
        for (int capacity : new int[] {0, -1}) {
            assertThatThrownBy(() -> newCache(model, capacity)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    protected void closingItAgainDoesNothing() {
        C cache = newCache(model, 40);
        read(cache, 40);
        try (C other = newCache(model, 40)) {
            cache.close();
            cache.close();
            // what was given back is not given back twice
            read(other, 33);
            try (C third = newCache(model, 40)) {
                read(third, 33);
                assertThat(other.length()).isEqualTo(33);
            }
        }
    }

    private void read(KvCache cache, int tokens) {
        model.forward(List.of(new Span(cache, new int[tokens], Logits.NONE)));
    }
}
