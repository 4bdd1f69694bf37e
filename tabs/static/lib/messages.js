// Every message between the page and the server. The server's side is tabs/shared/wire.py, which
// has a TypedDict for each of these; a test holds that both name the same keys. A key in brackets
// may be missing. Pictures are text in base64: uint8, rows from the top, RGB or grey.

/**
 * What Gradio gives a component's script.
 *
 * @typedef {object} Host
 * @property {{ value: string }} props The component's value: a message, as JSON text.
 * @property {(event: string, data?: unknown) => void} trigger Tells the server of an event.
 * @property {Record<string, (value: any) => Promise<string>>} server Functions of the server.
 */

/**
 * Every component's index.js exports `mount` of this type. What it returns takes each value of
 * the component, from the first one on.
 *
 * @typedef {(element: HTMLElement, host: Host) => ((value: string) => void) | void} Mount
 */

/**
 * Why a run could not begin, or broke off.
 *
 * @typedef {object} Failure
 * @property {string} run
 * @property {string} error One sentence.
 * @property {boolean} [offer] Whether this browser may do it instead: the page's limits refuse it.
 */

/**
 * One frame of a walk.
 *
 * @typedef {object} Frame
 * @property {number} i Index of the step.
 * @property {number} t Timestep; -1 of the finished picture.
 * @property {number} tp The timestep that this step goes to.
 * @property {number} ab ᾱ at t.
 * @property {number} nfe Evaluations of the network so far.
 * @property {number} ms Computing so far, in milliseconds.
 * @property {Record<string, number>} w Weights of this step's equation, by what they weigh.
 * @property {number[]} h Histogram of x_t: counts of 60 bins from -3 to 3.
 * @property {Record<string, number>} n Numbers of this frame, by name.
 * @property {string[]} px A sheet of pictures for every view of the head.
 */

/**
 * A sampler's step as formulas.
 *
 * @typedef {object} Formula
 * @property {Record<string, string>[]} terms Sets of formulas by the weight's name; the first set that has one for each of
 *   a step's weights is that step's.
 * @property {string} letters What the letters mean.
 */

/**
 * What stays the same in all frames of a walk.
 *
 * @typedef {object} Head
 * @property {number} width Of a sheet, in pixels.
 * @property {number} height Of a sheet.
 * @property {number} channels 1 or 3.
 * @property {[number, number]} tile Width and height of one picture.
 * @property {number} columns Pictures side by side in a sheet.
 * @property {number} images
 * @property {boolean} row Whether the pictures lead from one seed to another.
 * @property {string[]} views What each picture of a frame shows, in order.
 * @property {number} steps
 * @property {number[]} alpha_bars ᾱ at every frame that there will be.
 * @property {boolean} [straight] Whether the walk is on the straight path of flow matching.
 * @property {[number, string][]} samplers First step and sampler of each part of the walk.
 * @property {Record<string, Formula>} formulas Of the samplers, by name.
 * @property {number} branch The step at which it left its parent; -1 where it has none.
 * @property {string} name Model and seed, as the names of files have them.
 * @property {string} seeds The seeds of the pictures, in words.
 * @property {string} caption
 * @property {string} bound Why not every step is shown, or empty.
 * @property {number} [known] How many training images the exact answer knows.
 * @property {string} [x0] The picture that the walk began with.
 * @property {boolean} [hole] Whether a part of it is made anew.
 */

/**
 * What the network's output at a timestep means, as weights: x0_hat is of x_t and the output, and
 * eps_hat of x_t and of x0_hat after clipping, or without of the output.
 *
 * @typedef {object} EstimateWeights
 * @property {number} t
 * @property {Record<string, number>} x0_hat
 * @property {Record<string, number>} eps_hat
 */

/**
 * One step of a walk as weights.
 *
 * @typedef {object} TableStep
 * @property {number} t
 * @property {number} t_prev
 * @property {number} alpha_bar
 * @property {EstimateWeights} estimate
 * @property {Record<string, number>} weights Of the sum that makes up x_prev, by the picture's name.
 * @property {Record<string, number> | null} trial Of the trial step at whose end the network is
 *   evaluated again, for eps_there.
 * @property {EstimateWeights | null} there The estimates there.
 */

/**
 * A walk without its network and its noise.
 *
 * @typedef {object} WalkTable
 * @property {[number, number, number]} shape Channels, height and width of a picture.
 * @property {number} images
 * @property {number} columns Pictures side by side in a sheet.
 * @property {string[]} views What each picture of a frame shows, in order.
 * @property {number} stride One in so many steps is kept as a frame.
 * @property {number} piece Steps whose noise is asked for at once.
 * @property {number} guidance 1 is off.
 * @property {number} clip The limit of |x0_hat|; 0 does not clip.
 * @property {number} percentile The quantile that stands for a picture's own range; 0 takes none.
 * @property {number[] | number[][]} y What the network is asked for, a row for every picture that it
 *   evaluates; empty of one without classes.
 * @property {TableStep[]} steps
 */

/**
 * A walk that the visitor's browser is to compute.
 *
 * @typedef {object} BrowserWalk
 * @property {WalkTable} table
 * @property {string} runtime Address of the runtime's folder, relative to the page.
 * @property {string} graph Address of the network's graph.
 * @property {number} size Bytes of both together.
 * @property {string} start x_T, float32.
 * @property {string} card The run card, into which the result's digest is to be written.
 * @property {string} link The same as a link holds it, where that is another.
 */

/**
 * The player's request for the noise of some steps of a walk in the browser.
 *
 * @typedef {object} NoiseRequest
 * @property {string} run
 * @property {number} first
 * @property {number} count Steps at most.
 */

/**
 * That noise, or why there is none.
 *
 * @typedef {object} NoiseAnswer
 * @property {string} [values] float32, a batch a step.
 * @property {string} [error] One sentence.
 */

/**
 * Frames of a walk, for the player. Messages overlap: each repeats the frames of the one before.
 *
 * @typedef {object} PlayerMessage
 * @property {string} run
 * @property {number} total Frames that there will be.
 * @property {boolean} done
 * @property {number} first Index of the first frame here.
 * @property {Frame[]} frames
 * @property {string} [card] The run card, with the last message.
 * @property {string} [link] The run card as a link holds it, where that is another.
 * @property {string} [note] A sentence to show, with the last message.
 * @property {Head} [head]
 * @property {BrowserWalk} [walk] What this browser is to compute; the frames are then its own.
 */

/**
 * What the player asks the server for a file of a run with.
 *
 * @typedef {object} KeepRequest
 * @property {string} run
 * @property {string} card
 * @property {string} kind gif, mp4 or strip.
 * @property {string} view
 * @property {boolean} native Whether the file has the model's own pixels, not enlarged.
 */

/**
 * A file for the browser to save, or why there is none.
 *
 * @typedef {object} KeepAnswer
 * @property {string} [name]
 * @property {string} [type] Its media type.
 * @property {string} [data] In base64.
 * @property {string} [error]
 */

/**
 * A link as a QR code, or why there is none.
 *
 * @typedef {object} CodeAnswer
 * @property {string} [svg] An SVG file.
 * @property {string} [error]
 */

/**
 * What the player asks the server for the frames of a run with that it showed before a reload.
 *
 * @typedef {object} RecallRequest
 * @property {string} run
 * @property {string} session The page's session now.
 * @property {number} first Number of the first frame that is wanted.
 */

/**
 * A page shows itself to the server: when it is opened, and now and then.
 *
 * @typedef {object} JoinRequest
 * @property {string} session Gradio's name of this loading of the page.
 * @property {string} token Proves whose session it is.
 * @property {string} before The session of this window before it was loaded anew; or empty.
 * @property {boolean} left Whether no page of that session is there any more.
 * @property {boolean} reopened Whether a connection that was closed has been opened again.
 * @property {string[]} uploads Files that its controls hold, by their paths on the server.
 */

/**
 * What the server knows of a page that has shown itself.
 *
 * @typedef {object} JoinAnswer
 * @property {string} [session] The page's session.
 * @property {string} [server] Another one for each start of the server.
 * @property {boolean} [known] Whether the token was known.
 * @property {boolean} [closed] Whether the server has seen this session's connection end.
 * @property {string[]} [kept] What the visitor has here, in words.
 * @property {number} [minutes] For how long what belongs to a closed page is kept.
 * @property {string} [error] One sentence.
 */

/**
 * What a page's connection begins with.
 *
 * @typedef {object} ConnectionMessage
 * @property {Record<string, string>} lookups For each tab the event that looks up its controls.
 */

/**
 * One frame of one lane of a race.
 *
 * @typedef {object} RaceFrame
 * @property {number} lane
 * @property {number} k Index among the frames of this lane.
 * @property {number} i Index of the step.
 * @property {number} t Timestep; -1 of the finished picture.
 * @property {number} nfe
 * @property {number} ms
 * @property {string[]} px Sheets of x_t and of x0_hat.
 */

/**
 * @typedef {object} RaceLane
 * @property {string} name
 * @property {number} steps
 * @property {number} evaluations Of the whole walk.
 * @property {string} kind Lanes of one kind pay the same for an evaluation.
 */

/**
 * @typedef {object} RaceHead
 * @property {number} width Of a sheet.
 * @property {number} height Of a sheet.
 * @property {number} channels
 * @property {RaceLane[]} lanes
 * @property {string} caption
 * @property {boolean} [neighbours] Whether the nearest training images come with the last message.
 */

/**
 * @typedef {object} RaceMessage
 * @property {string} run
 * @property {RaceHead} head
 * @property {RaceFrame[]} frames
 * @property {boolean} [done]
 * @property {number[][]} [distances] Between the results, with the last message.
 * @property {number[]} [nearest] From each result to the nearest training image, where known.
 * @property {number} [known] How many training images were compared.
 * @property {string[]} [neighbours] Of each lane, a sheet of the images nearest to its results.
 */

/**
 * A picture and its noise, mixed in the browser.
 *
 * @typedef {object} PictureAndNoiseMessage
 * @property {string} id Another with each message.
 * @property {number} size Side of the square.
 * @property {number} channels
 * @property {string} x0
 * @property {string} eps int16 in units of 1/4096.
 */

/**
 * The Noise stage's picture, noise and schedule.
 *
 * @typedef {object} NoiseMessage
 * @property {string} id
 * @property {number} size
 * @property {number} channels
 * @property {string} x0
 * @property {string} eps
 * @property {number[]} alpha_bars One a timestep.
 * @property {boolean} straight Whether it is the straight path of flow matching.
 * @property {string} file How the names of files begin: picture and schedule.
 * @property {string} caption
 */

/**
 * @typedef {object} ScheduleNumbers
 * @property {string} name
 * @property {number[]} alpha_bars One a timestep.
 * @property {number[]} betas
 * @property {number[]} posterior Variances.
 */

/**
 * The Schedules stage's picture, noise and schedules.
 *
 * @typedef {object} CompareMessage
 * @property {string} id
 * @property {number} size
 * @property {number} channels
 * @property {string} x0
 * @property {string} eps
 * @property {ScheduleNumbers[]} schedules
 */

/**
 * Mean and variance, each with its standard error.
 *
 * @typedef {object} Moments
 * @property {[number, number]} mean
 * @property {[number, number]} variance
 */

/**
 * Noising by single steps, beside noising in one jump.
 *
 * @typedef {object} ChainMessage
 * @property {number} size
 * @property {number} channels
 * @property {number} k Steps so far.
 * @property {number} of Steps in all.
 * @property {boolean} done
 * @property {string} chain
 * @property {string} jump
 * @property {number} variance What theory gives.
 * @property {Moments} of_chain
 * @property {Moments} of_jump
 * @property {string} words
 */

/**
 * @typedef {object} GalleryRow
 * @property {string} name
 * @property {(string | null)[]} cells Pictures; null where there is none yet.
 * @property {string} [tone] Colour of the frames, one of the page's --c- tokens.
 * @property {string[]} [tones] The same for each cell.
 * @property {string[]} [numbers] What is measured of the cells, in their order, as far as it is.
 */

/**
 * Pictures in rows and columns.
 *
 * @typedef {object} GalleryMessage
 * @property {string} run
 * @property {number} width Of one picture.
 * @property {number} height Of one picture.
 * @property {number} channels
 * @property {number} [cell] Width of a cell on the page, in CSS pixels.
 * @property {string[]} columns
 * @property {GalleryRow[]} rows
 * @property {string} words
 * @property {string} state running, stopped or done.
 */

/**
 * A hole that is offered to the painter.
 *
 * @typedef {object} HoleShape
 * @property {string} name
 * @property {string} mask uint8, 1 where the picture is made anew.
 */

/**
 * The picture in which a hole is painted; the page sends it back with the mask.
 *
 * @typedef {object} HoleMessage
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 * @property {string} px
 * @property {string} [mask] uint8, 1 where the picture is made anew.
 * @property {HoleShape[]} [shapes] Those that are offered, in place of the painter's own.
 */

/**
 * @typedef {object} Picture
 * @property {number} width
 * @property {number} height
 * @property {number} channels
 * @property {string} px
 */

/**
 * A data set that nothing has been trained on yet.
 *
 * @typedef {object} DatasetMessage
 * @property {string} run
 * @property {string} state before.
 * @property {Picture} sheet Pictures to learn from.
 * @property {Picture} noise
 */

/**
 * What the network made at one step of its training.
 *
 * @typedef {object} Milestone
 * @property {number} step
 * @property {string[]} walk Sheets of a walk, from noise to the finished pictures.
 * @property {string[]} looks x0_hat of the task, one a timestep.
 */

/**
 * Pictures noised to several timesteps, which every milestone takes apart.
 *
 * @typedef {object} Task
 * @property {number} width Of one picture.
 * @property {number} height Of one picture.
 * @property {number} channels
 * @property {number[]} times Timesteps.
 * @property {string[]} clean
 * @property {string[]} noised
 */

/**
 * @typedef {object} HealthCheck
 * @property {string} name
 * @property {boolean} ok
 * @property {string} words
 */

/**
 * A training as it goes.
 *
 * @typedef {object} TrainingMessage
 * @property {string} run
 * @property {string} state waiting, running, done, stopped or failed.
 * @property {number} step
 * @property {number} total
 * @property {number} T
 * @property {[number, number][]} loss Step and smoothed loss.
 * @property {(number | null)[]} bins Loss by timestep, now.
 * @property {(number | null)[]} first Loss by timestep, after 100 steps.
 * @property {number[]} steps Of all milestones.
 * @property {Milestone[]} new
 * @property {string} line Where it stands, in words.
 * @property {HealthCheck[]} checks
 * @property {Picture} [sheet]
 * @property {Task} [task]
 * @property {[number, number, number]} [shape] Height, width and channels of a sheet of a walk.
 */

/**
 * Why a training could not begin.
 *
 * @typedef {object} TrainingFailure
 * @property {string} error One sentence.
 */

/**
 * One line of the glossary: `_` stands before a subscript, code between backticks.
 *
 * @typedef {object} GlossarySymbol
 * @property {string} symbol
 * @property {string} code Its names in the code.
 * @property {string} words What it is.
 */

/**
 * What the page's header shows.
 *
 * @typedef {object} HeaderMessage
 * @property {GlossarySymbol[]} symbols
 */

/**
 * One step of a lesson.
 *
 * @typedef {object} LessonStep
 * @property {string} say
 * @property {string} tab
 * @property {string} view Name of a view of the stage, or of a fold; empty opens none.
 * @property {Record<string, unknown>} controls Values by the names that the server has for controls.
 * @property {Record<string, number>} own Values of sliders of our own, by the names that a person reads.
 * @property {string[]} press Names of buttons.
 * @property {string} ask Empty where it asks nothing.
 * @property {string[]} choices
 * @property {number} right Index of the choice that is right; -1 where it asks nothing.
 * @property {string} because
 */

/**
 * A lesson; without steps where it cannot be followed here.
 *
 * @typedef {object} LessonMessage
 * @property {string} id Empty of a lesson of the visitor's own.
 * @property {string} title
 * @property {string} about
 * @property {LessonStep[]} steps
 * @property {string} [error] Why it cannot be followed here.
 */

/**
 * @typedef {object} LessonsMessage
 * @property {LessonMessage[]} lessons
 */

/**
 * @typedef {object} LessonRequest
 * @property {string} text Of a lesson's file.
 */

/**
 * @typedef {object} LessonAnswer
 * @property {LessonMessage} [lesson]
 * @property {string} [error] One sentence.
 */

/**
 * The pictures above the views of the Inside tab.
 *
 * @typedef {object} InsideStageMessage
 * @property {boolean} truth Whether x0 is the truth; of a walk from noise it is where the walk ended.
 * @property {number} width
 * @property {number} height
 * @property {number} channels 1 or 3.
 * @property {string} x_t
 * @property {string} x0_hat
 * @property {string} x0
 * @property {string} apart |x0_hat − x0|, mean over the channels, one byte a pixel: 255 is 1 or more.
 * @property {number} error Root of the mean squared error of x0_hat.
 * @property {string} guess Whose guess x0_hat is, in words.
 * @property {string} plain The plain network's guess, where it stands beside; or empty.
 * @property {number} plain_error The same of that guess.
 * @property {string} plain_guess Whose guess that is, in words.
 * @property {number} t
 * @property {number} T
 * @property {string} model Its name in the menu.
 * @property {string} changed What was changed in the network, in words; or empty.
 * @property {string} caption
 */

/**
 * A block on the map of a network.
 *
 * @typedef {object} MapBlock
 * @property {string} name
 * @property {string} kind
 * @property {string} way down, middle, up, or empty of what has no level.
 * @property {number} level 0 is the finest.
 * @property {string} title
 * @property {string} sentence What it is for.
 * @property {string} facts
 * @property {number} channels
 * @property {number} side The longer one of its output, in positions; 0 of a vector.
 * @property {number} work Share of the arithmetic.
 * @property {number} time Share of the measured time.
 * @property {number} width Of its picture.
 * @property {number} height
 * @property {string} picture RGB; empty of a vector.
 */

/**
 * A group norm, before and after: shares of the values in bins of equal width.
 *
 * @typedef {object} NormMessage
 * @property {string} name
 * @property {number} groups
 * @property {number} most The bins reach from -most to most.
 * @property {number[]} before
 * @property {number[]} after
 * @property {number[]} spread Standard deviation before and after.
 */

/**
 * One number of a convolution, as the sum that it is.
 *
 * @typedef {object} ArithmeticMessage
 * @property {string} name
 * @property {string[]} names Of all convolutions of the block.
 * @property {number} channel Of the output.
 * @property {number} of Channels of the output.
 * @property {number} row
 * @property {number} column
 * @property {number} side Of the kernel.
 * @property {number} given Channels of the input.
 * @property {number[]} inputs Input channels that are written out.
 * @property {number[][]} patches
 * @property {number[][]} kernels
 * @property {number[]} sums
 * @property {number} others Input channels that are not written out.
 * @property {number} rest Their sum.
 * @property {number} bias
 * @property {number} value
 */

/**
 * A block that is laid open.
 *
 * @typedef {object} OpenedBlock
 * @property {string} name
 * @property {string} title
 * @property {string} sentence
 * @property {string} facts
 * @property {string} left_out What of it is not shown, in words; or empty.
 * @property {number} width Of a map as it is shown.
 * @property {number} height
 * @property {number} rows Of a map as it is.
 * @property {number} columns
 * @property {number[]} channels Those that are shown, most active first.
 * @property {number[]} deviations
 * @property {string[]} maps One byte a position.
 * @property {string} components RGB; empty of a vector.
 * @property {number} explained Share of the variance that the components explain.
 * @property {number} comes_in
 * @property {number} [adds]
 * @property {number} goes_on
 * @property {NormMessage[]} norms
 * @property {string[]} heads One byte a position.
 * @property {number[]} most The largest weight of each head.
 * @property {number[]} vector
 * @property {ArithmeticMessage} [arithmetic]
 */

/**
 * The map of a network at one evaluation.
 *
 * @typedef {object} InsideMapMessage
 * @property {string} model
 * @property {number} t
 * @property {string} words
 * @property {MapBlock[]} blocks
 * @property {number[][]} skips
 * @property {OpenedBlock} [opened]
 */

/**
 * A message from its text.
 *
 * @template T
 * @param {string} text
 * @returns {T | null} null where the text is no message.
 */
export function parse(text) {
  try {
    const message = JSON.parse(text);
    return message && typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}

/**
 * Encodings of timesteps as a picture, a row a timestep.
 *
 * @typedef {object} EncodingMap
 * @property {number} width Numbers of an encoding that are shown.
 * @property {number} of Numbers that an encoding has.
 * @property {number} most The size of a number that has the full colour.
 * @property {string} px One byte a number: 128 is 0, 1 is −most, 255 is most.
 * @property {number[]} row The encoding of this t, of the learnt one less its mean over all timesteps.
 */

/**
 * How a network is told its timestep, and what it does when told another.
 *
 * @typedef {object} InsideTimestepMessage
 * @property {number} t
 * @property {number} told What the network is told.
 * @property {number} T
 * @property {number} rows Rows of the pictures, each the mean of neighbouring timesteps.
 * @property {boolean} fourier Whether the features are of a noise level's logarithm.
 * @property {EncodingMap} features
 * @property {EncodingMap} learnt
 * @property {string} similarity Cosines of every two rows of the learnt one, rows × rows bytes: 255 is 1.
 * @property {number[]} near Cosines of this t and each row.
 * @property {number} pair Cosine of t and of what the network is told.
 * @property {[number, number][]} curve Timestep told, and the error of x0_hat.
 * @property {number} error Of what it is told now.
 * @property {string} words
 */

/**
 * One draw of the training loss as pictures.
 *
 * @typedef {object} LossPictures
 * @property {number} width
 * @property {number} height
 * @property {number} channels 1 or 3.
 * @property {string} x0
 * @property {string} eps
 * @property {string} x_t
 * @property {string} output What the network predicts.
 * @property {string} target What it should predict.
 * @property {string} square Squared error, mean over the channels, one byte a pixel: 255 is 1 or more.
 * @property {number} t
 * @property {number} alpha_bar
 * @property {number} loss Squared error, mean over all numbers.
 */

/**
 * How a weighting of the loss counts draws, and the average curve.
 *
 * @typedef {object} WeightingMessage
 * @property {string} name
 * @property {string} words
 * @property {number[]} points A weight for each draw.
 * @property {number[]} curve A weight for each point of the curve.
 */

/**
 * How far one step of the gradient moves a block.
 *
 * @typedef {object} LayerMessage
 * @property {string} name
 * @property {number} change Norm of the change over the norm of the weights.
 */

/**
 * The training loss, drawn by hand.
 *
 * @typedef {object} InsideLossMessage
 * @property {number} width
 * @property {number} height
 * @property {number} channels 1 or 3.
 * @property {string} x0
 * @property {string} eps
 * @property {string} x_t
 * @property {string} output What the network predicts.
 * @property {string} target What it should predict.
 * @property {string} square Squared error, mean over the channels, one byte a pixel: 255 is 1 or more.
 * @property {number} t
 * @property {number} alpha_bar
 * @property {number} loss Squared error, mean over all numbers.
 * @property {number} T
 * @property {string} kind What the network predicts, in words.
 * @property {[number, number][]} points Timestep and loss of every draw.
 * @property {[number, number][]} curve Timestep and average loss.
 * @property {WeightingMessage[]} weightings
 * @property {string} own The weighting that it was trained with.
 * @property {string} source Which pictures are drawn from.
 * @property {LayerMessage[]} layers
 * @property {string} told The step of the gradient, in words.
 */

/**
 * Numbers of points, in C order.
 *
 * @typedef {object} PackedPoints
 * @property {number[]} shape
 * @property {number} most The number that 32,767 stands for.
 * @property {string} values int16, little end first, in base64.
 */

/**
 * Points of the plane and their noise, mixed in the browser.
 *
 * @typedef {object} PointsDataMessage
 * @property {string} id The same for the same points.
 * @property {PackedPoints} x0 (N, 2)
 * @property {PackedPoints} eps (N, 2)
 * @property {number[]} alphas Amplitude of the signal, by timestep; that of the noise is √(1 − α²).
 * @property {string} words What the points are.
 * @property {boolean} drawing Whether points are drawn by hand.
 */

/**
 * A network that learns points, and where its samples now land.
 *
 * @typedef {object} PointsLearnMessage
 * @property {string} run Empty where nothing was trained.
 * @property {string} state "empty", "waiting", "running", "stopped" or "done".
 * @property {number} step Steps done.
 * @property {number} of Steps in all.
 * @property {number} seconds Since it began.
 * @property {PackedPoints} data Points that it does not learn from, (M, 2).
 * @property {PackedPoints} particles Its samples, from the same noise each time, (N, 2).
 * @property {[number, number][]} losses Timestep and mean loss of the last draws near it.
 * @property {[number, number][]} ratios Seconds, and energy distance of samples and data over that of data and data.
 * @property {number} bound The ratio below which samples are recognisable.
 * @property {number | null} recognised Seconds until then.
 * @property {string} words
 */

/**
 * A walk of points, every step of it. K steps of B points.
 *
 * @typedef {object} PointsLane
 * @property {string} name Of the sampler.
 * @property {string} kind "ODE", "SDE" or "return".
 * @property {number[]} t Timestep of each frame, K + 1; −1 is the end of a walk to data.
 * @property {number[]} alphas Amplitude of the signal of each frame.
 * @property {number[]} sigmas Amplitude of the noise of each frame.
 * @property {Record<string, number>[]} weights Of the sum that each step is, by the terms' names.
 * @property {PackedPoints} x (K + 1, B, 2)
 * @property {PackedPoints} x0_hat (K, B, 2)
 * @property {PackedPoints} eps_hat (K, B, 2)
 * @property {PackedPoints} [noise] What was added, (K, B, 2).
 * @property {number} nfe Evaluations for each point.
 * @property {number} near Energy distance of its end and data, over that of data and data.
 * @property {number} turned Share of the triples of neighbours that ended turned over.
 * @property {number} [error] Of a return: mean distance of where points began and ended.
 */

/**
 * Walks of points from one noise, side by side.
 *
 * @typedef {object} PointsWalkMessage
 * @property {string} id Another one for each computation.
 * @property {PointsLane[]} lanes
 * @property {PackedPoints} data (M, 2)
 * @property {string} words
 */

/**
 * How well a denoiser guesses the noise on points that it knows, and on new ones.
 *
 * @typedef {object} PointsError
 * @property {string} name
 * @property {number} known Mean squared error of the guessed noise, a number, on the points to learn from.
 * @property {number} new The same on points that were not to be learnt from.
 */

/**
 * What is predicted all over the plane at one timestep, exactly and by a network.
 *
 * @typedef {object} PointsFieldMessage
 * @property {number} t
 * @property {number} T
 * @property {number} alpha
 * @property {number} sigma
 * @property {number} reach Half the side of the plane that is seen.
 * @property {number} side Places of the grid of arrows along a side; rows from the top.
 * @property {PackedPoints} exact eps_hat at each place, (side², 2).
 * @property {PackedPoints} [learnt] The network's.
 * @property {string} density Root of the exact density, one byte a place: 255 is the largest.
 * @property {number} density_side
 * @property {string} [apart] How far the network's eps_hat is from the exact one, one byte a place; faded where hardly a noisy point comes.
 * @property {number} [apart_side]
 * @property {number} [most_apart] What 255 means there.
 * @property {number} [mean_apart] The mean of it, where the noisy points are.
 * @property {number} [share] How much of the exact field the network has, at most 1.
 * @property {PointsError[]} errors
 * @property {PackedPoints} data The points to learn from, at most 2,000 of them.
 * @property {string} words
 */

/**
 * Walks on one path from noise to points, and how near they end by their steps.
 *
 * @typedef {object} PointsPath
 * @property {string} name
 * @property {PackedPoints} x (K + 1, B, 2)
 * @property {number[]} alphas
 * @property {number[]} sigmas
 * @property {number} longer Length of all paths over that of the straight lines between their ends.
 * @property {[number, number][]} near Steps, and energy distance of ends and data over that of data and data.
 */

/**
 * Diffusion and flow matching, trained on the same points for equal steps.
 *
 * @typedef {object} PointsPathsMessage
 * @property {string} run
 * @property {string} state "empty", "waiting", "running", "stopped" or "done".
 * @property {number} step Of both trainings together.
 * @property {number} of
 * @property {PointsPath[]} paths
 * @property {PackedPoints} data
 * @property {number} bound The ratio below which samples are recognisable.
 * @property {string} words
 */

/**
 * What is to be seen of one family, beside its samples: what it has of these.
 *
 * @typedef {object} PointsFamilyPicture
 * @property {string} [field] Of cells of the square, rows from the top: uint8, in base64.
 * @property {PackedPoints} [lines] (L, P, 2): a grid of the latent plane, as it is bent.
 * @property {PackedPoints} [latent] (N, 2): where points lie in the latent plane.
 * @property {PackedPoints} [told] (N, 2): these points.
 * @property {PackedPoints} [starts] (N, 2): noisy points.
 * @property {PackedPoints} [ends] (N, 2): where the network sees the data from there.
 * @property {number} [t] Their timestep.
 * @property {number} [error] The largest error of there and back.
 * @property {number[]} [range] The smallest and the largest number of the field, as it was.
 */

/**
 * One family of generative models while it learns points.
 *
 * @typedef {object} PointsFamily
 * @property {string} key
 * @property {string} title
 * @property {PackedPoints} samples (N, 2)
 * @property {number} ratio Energy distance to held-out points, over that of data against data.
 * @property {number} steps
 * @property {number} seconds Of training.
 * @property {number} parameters
 * @property {PointsFamilyPicture} picture
 */

/**
 * What was measured of one family on points.
 *
 * @typedef {object} PointsFamilyRow
 * @property {string} title
 * @property {number} distance Energy distance, over that of data against data.
 * @property {number} error Its standard error.
 * @property {number} precision
 * @property {number} recall
 * @property {number | null} modes Modes covered.
 * @property {number | null} of_modes
 * @property {number} evaluations Of a sample.
 * @property {number} microseconds Of a sample.
 * @property {number | null} likelihood Mean log p of held-out points.
 * @property {number} parameters
 * @property {number} latent
 * @property {number} steps
 * @property {number} seconds
 */

/**
 * A usual claim on families, and what was measured of it.
 *
 * @typedef {object} PointsClaim
 * @property {string} claim
 * @property {string} verdict
 * @property {string} figures
 */

/**
 * Five families that learn the same points.
 *
 * @typedef {object} PointsFamiliesMessage
 * @property {string} run The name of the run; "" where none was begun.
 * @property {string} state "empty", "waiting", "running", "stopped" or "done".
 * @property {number} seconds Of training of each so far.
 * @property {number} of Seconds that each is to train.
 * @property {PackedPoints} data (N, 2): points that no training sees.
 * @property {PointsFamily[]} families
 * @property {PointsFamilyRow[]} rows Empty until it is measured.
 * @property {PointsClaim[]} claims Likewise.
 * @property {string} words What the points are.
 * @property {boolean} collapse Whether the GAN is provoked to lose modes.
 */

/**
 * What a step of a walk of clouds shows: B clouds of N points.
 *
 * @typedef {object} SpaceFrame
 * @property {number} t Timestep; −1 is the end.
 * @property {number} signal The signal's share of the variance, ᾱ.
 * @property {PackedPoints} x (B, N, 3)
 * @property {PackedPoints} x0_hat (B, N, 3)
 */

/**
 * Some frames of a walk of clouds.
 *
 * @typedef {object} SpaceMessage
 * @property {string} run The browser's name for the walk.
 * @property {string} state "waiting", "running", "stopped" or "done".
 * @property {number} first Number of the first of these frames.
 * @property {SpaceFrame[]} frames
 * @property {number} total Frames of the whole walk.
 * @property {number} known How many points of each cloud, the first ones, are fixed.
 * @property {string} words
 * @property {string} [card] The run card, JSON, with the last message.
 * @property {string} [note] What a replay came to.
 */

/**
 * Pictures in a row, of one family.
 *
 * @typedef {object} PointsStrip
 * @property {string} key
 * @property {string} title
 * @property {string} says What is to be said of them.
 * @property {number} count Of pictures.
 * @property {string} pictures Grey, one after the other: uint8, in base64.
 */

/**
 * What was measured of one family on pictures; null where it has no such number.
 *
 * @typedef {object} PointsStripsRow
 * @property {string} title
 * @property {number | null} evaluations Of a picture.
 * @property {number} distance Frechet distance.
 * @property {number} precision
 * @property {number} recall
 * @property {number | null} milliseconds Of a picture.
 * @property {number | null} parameters
 * @property {number | null} bits A dimension, of test pictures.
 * @property {number | null} seconds Of training, on one core.
 */

/**
 * Families on pictures: rows of pictures, and what was measured.
 *
 * @typedef {object} PointsStripsMessage
 * @property {string} state "empty", "waiting", "running" or "done".
 * @property {string} words What the rows are.
 * @property {number} side Of a picture, in pixels; 0 where there is none yet.
 * @property {PointsStrip[]} strips
 * @property {PointsStripsRow[]} rows Empty where nothing was measured.
 * @property {PointsClaim[]} claims Likewise.
 */

/**
 * A part of a system, as it is loaded.
 *
 * @typedef {object} SystemBox
 * @property {string} key Which part, as "model" or "classifier".
 * @property {string} title
 * @property {string[]} lines What it is, and how large.
 */

/**
 * One of the walks that the view "Guided diffusion" has side by side.
 *
 * @typedef {object} GuidedLane
 * @property {string} key "guided", "free" or "zero".
 * @property {string} words What guides it: a kind of the curve, or "scale 0".
 * @property {number} scale
 * @property {string[]} x_t Pictures, one a step and that of the end.
 * @property {string[]} x0_hat Likewise; that of the end is the picture itself.
 * @property {number[][]} beliefs p(y | x_t) of every class, likewise.
 * @property {string[]} gradients Pictures of the gradient, one a step, grey where it is 0; of the guided walk.
 * @property {number[]} sizes Root mean square of each gradient; the picture shows three times that as white.
 * @property {number} nfe Evaluations of the network.
 */

/**
 * One point of the measured curve.
 *
 * @typedef {object} GuidanceRowMessage
 * @property {string} kind "classifier", "classifier-free" or "both".
 * @property {number} scale
 * @property {number} accuracy Share of pictures in which the judge reads the class.
 * @property {number} distance Frechet distance.
 * @property {number} precision
 * @property {number} recall
 */

/**
 * What guidance does, measured by kind and scale.
 *
 * @typedef {object} GuidanceCurveMessage
 * @property {GuidanceRowMessage[]} rows
 * @property {string} words How it was measured.
 */

/**
 * A walk that a classifier guides, and what stands beside it.
 *
 * @typedef {object} GuidedMessage
 * @property {string} state "empty", "waiting", "running", "done", "stopped" or "failed".
 * @property {string} [run] The name of the walk.
 * @property {GuidedLane[]} [lanes] The guided walk first.
 * @property {SystemBox[]} [boxes]
 * @property {string[]} [class_names] In label order.
 * @property {GuidanceCurveMessage} [curve]
 * @property {number} [width] Of a picture.
 * @property {number} [height]
 * @property {number} [channels]
 * @property {number[]} [t] Timesteps of the frames; -1 is the end.
 * @property {number[]} [signal] alpha of each.
 * @property {number[]} [log_snr] What the classifier is told at each step.
 * @property {number[]} [wanted] The class that each step is guided to; -1 is none.
 * @property {number} [algorithm] 1 or 2 of the paper.
 * @property {string} [sampler]
 * @property {number} [branch] The step at which the class was switched; -1 is none.
 * @property {string} [card] Its run card.
 * @property {string} [file] A name for its files.
 * @property {string} [caption]
 * @property {string} [note] What a replay came to.
 */

/**
 * The words that a part of a walk was asked for: all of it, or until and from a branch.
 *
 * @typedef {object} CaptionPart
 * @property {number} first The step that it begins with.
 * @property {string[]} words Those of the caption, then the end.
 * @property {number[]} places Of each its token, in the order of the maps; -1 of a word that is not known.
 * @property {number[]} least The least that each token gets of any position at any step, a share; the map has 0 for it.
 * @property {number[]} most The most; the map has 255 for it.
 */

/**
 * One of the walks that the view "GLIDE" has side by side.
 *
 * @typedef {object} GlideLane
 * @property {string} caption
 * @property {number} scale Of guidance against the empty caption.
 * @property {number} clip_scale Of the CLIP's guidance; 0 is none.
 * @property {number[]} agreement Cosine of the CLIP's embeddings of x_t and of the first caption; none without one.
 * @property {CaptionPart[]} parts
 * @property {string[]} x_t Pictures, one a step and that of the end.
 * @property {string[]} x0_hat Likewise; that of the end is the picture itself.
 * @property {string[]} maps A step each: tokens × rows × columns, uint8; none where no word is attended to.
 * @property {number} nfe Evaluations of the network.
 * @property {string} card Its run card.
 * @property {string} file A name for its files.
 */

/**
 * How often pictures show an attribute that their captions tell.
 *
 * @typedef {object} GlideRowMessage
 * @property {string} name
 * @property {number} told Captions that tell it.
 * @property {number} words Share, asked in words.
 * @property {number} menus Share, asked by menus.
 */

/**
 * How well a model that is asked in words obeys, beside menus.
 *
 * @typedef {object} GlideResultsMessage
 * @property {GlideRowMessage[]} rows
 * @property {string} words How it was measured.
 * @property {string} same What becomes of the same asked in other words; "" was not measured.
 */

/**
 * What pictures show of their captions with one kind of guidance at one scale.
 *
 * @typedef {object} ClipRowMessage
 * @property {string} kind "classifier-free" or "CLIP".
 * @property {number} scale
 * @property {number} obedience Share of what was asked that is seen.
 * @property {number} distance Frechet distance to held-out pictures.
 */

/**
 * Guidance of a model that is asked in words, classifier-free and by a CLIP.
 *
 * @typedef {object} ClipResultsMessage
 * @property {ClipRowMessage[]} rows
 * @property {string} words How it was measured.
 */

/**
 * Walks of captions, and what stands beside them.
 *
 * @typedef {object} GlideMessage
 * @property {string} state "empty", "waiting", "running", "done", "stopped" or "failed".
 * @property {string} [run] The name of the walks.
 * @property {GlideLane[]} [lanes] The first one branches.
 * @property {SystemBox[]} [boxes] Text encoder, attention to words, UNet.
 * @property {string[]} [vocabulary] The words that are known.
 * @property {GlideResultsMessage} [results]
 * @property {ClipResultsMessage} [clip_results]
 * @property {string} [absent] Why there is no model.
 * @property {number} [width] Of a picture.
 * @property {number} [height]
 * @property {number} [channels]
 * @property {number[]} [t] Timesteps of the frames; -1 is the end.
 * @property {number} [branch] The step at which the first walk got another caption; -1 is none.
 * @property {boolean} [attends] Whether attention to words adds anything to the network.
 * @property {number[]} [map_size] Rows and columns of a map.
 * @property {number} [layers] Over how many layers it is the mean.
 * @property {string} [sampler]
 * @property {string} [card] The run card of the first walk.
 * @property {string} [caption]
 * @property {string} [note] What a replay came to.
 */

/**
 * A number of a network, in words.
 *
 * @typedef {object} DifferCount
 * @property {string} name Of the network.
 * @property {string} words
 */

/**
 * A fact that a caption tells, and what a judge reads in its place.
 *
 * @typedef {object} DifferFact
 * @property {string} words
 * @property {string} seen What the judge reads, in words.
 * @property {boolean} right Whether that is the fact.
 */

/**
 * One of the systems that the view "How the systems differ" compares.
 *
 * @typedef {object} DifferRow
 * @property {string} key
 * @property {string} name
 * @property {string} told What of the caption it is told, in a sentence.
 * @property {string[]} frames Square pictures, predicted at each step, the last one drawn; none before it has.
 * @property {string} [absent] Why it is not here.
 * @property {DifferCount[]} [parameters] Of each network.
 * @property {string} [size] Parameters in all.
 * @property {number} [count] The same as a number.
 * @property {DifferCount[]} [evaluations] How often each network was asked for one picture.
 * @property {number} [asked] In all.
 * @property {number} [milliseconds] That its walks took.
 * @property {string} [time] The same in words.
 * @property {DifferFact[]} [facts]
 * @property {string} [measured] The share of told facts that was read over many captions, in words; empty was not measured.
 */

/**
 * One caption, drawn by all systems.
 *
 * @typedef {object} DifferMessage
 * @property {string} state "empty", "waiting", "running", "done", "stopped" or "failed".
 * @property {string} [run] The name of the comparison.
 * @property {DifferRow[]} [rows]
 * @property {string} [progress] What is computed now.
 * @property {string} [card] Its run card.
 * @property {string} [file] A name for its files.
 * @property {string} [caption]
 * @property {string} [note] What a replay came to.
 */

/**
 * A paper of the time line above the systems, and what opens its view.
 *
 * @typedef {object} TimelineEntry
 * @property {string} name
 * @property {string} when Month and year.
 * @property {string} paper Its authors and number.
 * @property {string} added What it added.
 * @property {string} tab The tab that shows it.
 * @property {string} shown In the tab Systems the view's value in the menu, else the name of a view of the tab; empty is the tab itself.
 * @property {number} months Until the next entry.
 */

/**
 * The time line above the systems.
 *
 * @typedef {object} TimelineMessage
 * @property {TimelineEntry[]} entries
 * @property {string} seen The value of the menu of systems.
 */

/**
 * One of the pictures that the view "DALL·E 2" draws together.
 *
 * @typedef {object} UnclipItem
 * @property {string} words What stands under it.
 * @property {string[]} x_t Noisy pictures, one a step and that of the end; none where they are not shown.
 * @property {string[]} x0_hat Likewise, predicted; that of the end is the picture itself. None before it begins.
 */

/**
 * The walk of a prior, from noise to an embedding.
 *
 * @typedef {object} PriorMessage
 * @property {number[]} t Timesteps.
 * @property {number[][]} distances A sample each: how far its estimate is from where it ends, 0 … 2.
 * @property {number[]} similarities A sample each: of its end to the caption's embedding, -1 … 1.
 * @property {number} taken The number of the sample that is taken.
 * @property {number} scale Of its guidance.
 * @property {number} nfe Evaluations of its network.
 */

/**
 * A table of what was measured, as it is shown.
 *
 * @typedef {object} MeasuredTable
 * @property {string} title
 * @property {string[]} columns
 * @property {string[][]} rows
 * @property {string} says The same in a sentence.
 */

/**
 * What was measured of prior and decoder.
 *
 * @typedef {object} UnclipResultsMessage
 * @property {MeasuredTable[]} tables
 * @property {string} words How it was measured.
 */

/**
 * A drawing from words or from pictures, and what stands beside it.
 *
 * @typedef {object} UnclipMessage
 * @property {string} state "empty", "waiting", "running", "done", "stopped" or "failed".
 * @property {string} [run] The name of the drawing.
 * @property {string} [task] The experiment.
 * @property {UnclipItem[]} [items] From words: by the prior, by the text, by nothing.
 * @property {string[]} [given] The pictures that it is drawn from.
 * @property {PriorMessage} [prior] Of words alone.
 * @property {SystemBox[]} [boxes] CLIP, prior, decoder.
 * @property {UnclipResultsMessage} [results]
 * @property {string} [absent] Why there is nothing.
 * @property {string} [progress] What is computed now.
 * @property {number} [width] Of a picture.
 * @property {number} [height]
 * @property {number} [channels]
 * @property {number[]} [t] Timesteps of the decoder's frames; -1 is the end.
 * @property {string} [card] Its run card.
 * @property {string} [file] A name for its files.
 * @property {string} [caption]
 * @property {string} [note] What a replay came to.
 */

/**
 * One of the walks that fill a hole.
 *
 * @typedef {object} FillingLane
 * @property {string} title By which network.
 * @property {string} words What it cost.
 * @property {string[]} x_t
 * @property {string[]} x0_hat
 */

/**
 * A hole that is filled twice, and what stands beside it.
 *
 * @typedef {object} FillingMessage
 * @property {string} state "empty", "waiting", "running", "done", "stopped" or "failed".
 * @property {string} [run] The name of the walks.
 * @property {FillingLane[]} [lanes] By the network that was trained for it, and by RePaint.
 * @property {SystemBox[]} [boxes] Text encoder, UNet, RePaint's network.
 * @property {UnclipResultsMessage} [results]
 * @property {string} [absent] Why there is nothing.
 * @property {number} [width] Of a picture.
 * @property {number} [height]
 * @property {number} [channels]
 * @property {number[]} [t] Timesteps of the frames; -1 is the end.
 * @property {string} [card] The run card of both.
 * @property {string} [file] A name for its files.
 * @property {string} [caption]
 * @property {string} [note] What a replay came to.
 */

/**
 * One of the cascades that the view "Imagen" draws.
 *
 * @typedef {object} ImagenItem
 * @property {string} words What stands under it.
 * @property {string[]} small_x_t Noisy small pictures, one a step and that of the end; none of a picture that is given, or of a row.
 * @property {string[]} small_x0_hat Likewise, predicted; that of the end is the small picture itself.
 * @property {string} condition The small picture with the noise of its level in it.
 * @property {string[]} large_x_t As of the first walk; none before the second one begins, or of a row.
 * @property {string[]} large_x0_hat
 * @property {number[]} saturated Shares of saturated pixels: of the small picture, and of the large one if it is there.
 * @property {number} away How far the large picture, shrunk again, is from the small one; root mean square, of pixels from -1 to 1.
 * @property {number} level Of augmentation.
 */

/**
 * One point of the curve of levels of augmentation.
 *
 * @typedef {object} LevelRowMessage
 * @property {number} level
 * @property {number} distance Frechet distance.
 * @property {number} obedience A share.
 */

/**
 * What was measured of a cascade.
 *
 * @typedef {object} ImagenResultsMessage
 * @property {MeasuredTable[]} tables
 * @property {LevelRowMessage[]} levels
 * @property {string} words How it was measured.
 */

/**
 * A drawing of both walks, and what stands beside it.
 *
 * @typedef {object} ImagenMessage
 * @property {string} state "empty", "waiting", "running", "done", "stopped" or "failed".
 * @property {string} [run] The name of the drawing.
 * @property {string} [task] The experiment.
 * @property {ImagenItem[]} [items]
 * @property {string} [given] The picture before it was shrunk.
 * @property {number} [given_size] Its side.
 * @property {SystemBox[]} [boxes] Text encoder, base model, trunk and branch.
 * @property {ImagenResultsMessage} [results]
 * @property {number} [saturated_real] Share of saturated pixels of real pictures.
 * @property {string} [absent] Why there is nothing.
 * @property {string} [progress] What is computed now.
 * @property {number[]} [small] Width and height of a small picture.
 * @property {number[]} [large] The same of a large one.
 * @property {number} [channels]
 * @property {number[]} [t_small] Timesteps of the first walk's frames; -1 is the end. None of a row or of a given picture.
 * @property {number[]} [t_large] The same of the second walk.
 * @property {string} [card] Its run card.
 * @property {string} [file] A name for its files.
 * @property {string} [caption]
 * @property {string} [note] What a replay came to.
 */

/**
 * A caption to begin with.
 *
 * @typedef {object} CaptionExample
 * @property {string} name What its button says.
 * @property {string} caption
 */

/**
 * What stands under a field for a caption.
 *
 * @typedef {object} CaptionNoteMessage
 * @property {string} field The id of the field.
 * @property {string[]} words The words that are known, to complete what is typed.
 * @property {CaptionExample[]} examples
 * @property {string} note Names each word that is not known; "" where all are.
 */
