package dev.zhulong.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.text.ContractTests;
import org.junit.jupiter.api.Test;

class NoObjectiveIsWithoutAContractTestTest {
    @Test
    void norIsAnOptimizer() {
        assertThat(ContractTests.implementations(Objective.class, Objective.class)).contains(NextToken.class, Dpo.class);
        assertThat(ContractTests.missing(Objective.class, getClass(), Objective.class, ObjectiveContract.class)).isEmpty();
        assertThat(ContractTests.implementations(Objective.class, Optimizer.class)).containsExactly(AdamW.class);
        assertThat(ContractTests.missing(Objective.class, getClass(), Optimizer.class, OptimizerContract.class)).isEmpty();
    }
}
