package dev.zhulong.model;

import dev.zhulong.formats.Parameter;
import dev.zhulong.tensor.Tensor;
import java.util.function.Predicate;

/** Where the weights go of a network that is being made, one after another: they need never all be in memory. */
@FunctionalInterface
public interface Placing {
    /** All stay in memory. */
    Placing HERE = (parameter, tensor) -> tensor;

    /**
     * Puts one somewhere.
     *
     * @param tensor drawn or read, and given away
     * @return what the network holds; null for a weight that is away from now on
     */
    Tensor place(Parameter parameter, Tensor tensor);

    /** Keeps some. */
    static Placing only(Predicate<Parameter> wanted) {
        return (parameter, tensor) -> {
            if (wanted.test(parameter)) {
                return tensor;
            }
            tensor.close();
            return null;
        };
    }
}
